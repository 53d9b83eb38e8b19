//! The command: settings, target, plan, run, report, exit code.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use zot_verify::bounds;
use zot_verify::error::{self, Trouble};
use zot_verify::report::{self, Advised, Brief, Compared, Files, Json, Junit, Reporters, Text, Told};
use zot_verify::run::exit::Exit;
use zot_verify::serve::{self, What};
use zot_verify::session::{self, Surroundings};
use zot_verify::settings::args::{Args, Command, Format, PlanCommand, PolicyArgs, SelfTestArgs, ServeCommand};
use zot_verify::settings::{self, Cleaning, Compare, Environment, Policy, Preflight, Settings};
use zot_verify::target::{keeper, reaper};
use zot_verify::{advice, aside, catalogue, clean, compare, doctor, preflight, self_test};
use zot_verify_model::Secret;

fn main() -> ExitCode {
    let matches = Args::command().get_matches();
    let args = match Args::from_arg_matches(&matches) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    aside::catch_panics();
    zot_verify_fixtures::crypto::install();
    if let Command::Reap { directory } = &args.command {
        return reaper::main(directory);
    }
    // A defect is no verdict: whoever reads exit codes must not take it for one.
    let performed = catch_unwind(AssertUnwindSafe(|| perform(&args.command, &matches)));
    match performed.unwrap_or_else(|_| Err(aside::panicked())) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(trouble) => {
            let _ = anstream::stdout().flush();
            aside::trouble(&trouble);
            ExitCode::from(trouble.exit().code())
        }
    }
}

fn perform(command: &Command, matches: &ArgMatches) -> Result<Exit, Trouble> {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    match command {
        Command::Local(args) => verify(&Settings::local(args, matches)?),
        Command::Live(args) => verify(&Settings::live(args, matches)?),
        Command::Compare(args) => compare(&Compare::new(args, matches)?),
        Command::Preflight(args) => preflight(&Preflight::new(args)?),
        Command::Policy(args) => policy(args),
        Command::SelfTest(args) => self_test(args),
        Command::Clean(args) => clean(&Cleaning::new(args)?),
        Command::List => told(report::describe::list(&mut anstream::stdout())),
        Command::Explain { id } => told(report::describe::explain(&mut anstream::stdout(), catalogue::find(id)?)),
        Command::Plan(plan) => {
            let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
            let settings = match plan {
                PlanCommand::Local(args) => Settings::local(args, matches)?,
                PlanCommand::Live(args) => Settings::live(args, matches)?,
            };
            told(report::describe::plan(&mut anstream::stdout(), &settings.plan()?, &settings))
        }
        Command::Doctor => {
            let program = surroundings(&[])?.program;
            finished(doctor::run(&program, &mut anstream::stdout()))
        }
        Command::Serve(what) => serve(what),
        Command::Reap { .. } => Ok(Exit::Good),
    }
}

fn verify(settings: &Settings) -> Result<Exit, Trouble> {
    let around = surroundings(&settings.secrets)?;
    let mut reporters = Reporters::default();
    match settings.format {
        Format::Text => reporters.add(Text::new(anstream::stdout(), columns())),
        Format::Brief => reporters.add(Brief::new(anstream::stdout(), anstream::stderr())),
        Format::Json => reporters.add(Json::new(anstream::stdout())),
    }
    let mut files = Files::default();
    if let Some(path) = &settings.json {
        reporters.add(Json::new(files.create(path)?));
    }
    if let Some(path) = &settings.junit {
        reporters.add(Junit::new(files.create(path)?));
    }
    finished(session::verify(settings, &around, &mut reporters))
}

fn clean(cleaning: &Cleaning) -> Result<Exit, Trouble> {
    let around = surroundings(&cleaning.secrets)?;
    finished(clean::run(cleaning, &around, &mut anstream::stdout()))
}

fn serve(command: &ServeCommand) -> Result<Exit, Trouble> {
    let (what, listen) = match command {
        ServeCommand::Registry { listen, config } => (What::Registry(config), listen),
        ServeCommand::Issuer { listen, spec, url } => (What::Issuer(spec, url.as_deref()), listen),
        ServeCommand::Upstream { listen, spec } => (What::Upstream(spec.as_deref()), listen),
    };
    finished(serve::run(what, *listen))
}

fn preflight(settings: &Preflight) -> Result<Exit, Trouble> {
    let around = surroundings(&settings.secrets)?;
    let mut files = Files::default();
    let mut file = settings.json.as_deref().map(|path| files.create(path)).transpose()?;
    let report = finished(preflight::run(settings, &around))?;
    let exit = Exit::of_verdicts(report.lines.iter().map(|judged| judged.finding.verdict()));
    let told = Told { settings, report: &report, exit, width: columns() };
    let filed = file.as_mut().map_or(Ok(()), |file| told.json(file));
    let shown = told.write(settings.format, &mut anstream::stdout(), &mut anstream::stderr());
    error::written(filed.and(shown)).map_err(|trouble| trouble.among(exit))?;
    Ok(exit)
}

fn compare(settings: &Compare) -> Result<Exit, Trouble> {
    let run = &settings.run;
    let around = surroundings(&run.secrets)?;
    let mut files = Files::default();
    let mut file = run.json.as_deref().map(|path| files.create(path)).transpose()?;
    let report = finished(compare::run(settings, &around))?;
    let told = Compared { settings, report: &report, width: columns() };
    let filed = file.as_mut().map_or(Ok(()), |file| told.json(file));
    let shown = told.write(run.format, &mut anstream::stdout(), &mut anstream::stderr());
    error::written(filed.and(shown)).map_err(|trouble| trouble.among(report.exit))?;
    Ok(report.exit)
}

fn policy(args: &PolicyArgs) -> Result<Exit, Trouble> {
    if args.schema {
        return told(anstream::stdout().write_all(settings::INTENT_SCHEMA.as_bytes()));
    }
    let settings = Policy::new(args)?;
    let redactor = surroundings(&settings.secrets)?.redactor();
    if args.init {
        let intent =
            redactor.redact(&advice::init::of(&settings.configured.config, &settings.ci, settings.admin.as_deref()));
        return told(anstream::stdout().write_all(intent.as_bytes()));
    }
    let mut files = Files::default();
    let mut file = settings.json.as_deref().map(|path| files.create(path)).transpose()?;
    let advice = advice::look(&settings.configured.config, &settings.intent, &settings.ci, settings.admin.as_deref());
    let advised = Advised::new(&settings, advice, &redactor, columns());
    let filed = file.as_mut().map_or(Ok(()), |file| advised.json(file));
    let shown = advised.write(settings.format, &mut anstream::stdout(), &mut anstream::stderr());
    error::written(filed.and(shown)).map_err(|trouble| trouble.among(advised.exit()))?;
    Ok(advised.exit())
}

fn self_test(args: &SelfTestArgs) -> Result<Exit, Trouble> {
    let (zot, _) = settings::zot(&args.zot)?;
    let around = surroundings(&Environment::of_process()?.secrets)?;
    let out = &mut anstream::stdout();
    if args.answers {
        return finished(self_test::answers(zot, &around, out));
    }
    finished(self_test::run(zot, &args.only, &around, out))
}

/// This program, a new run, and every secret of the environment.
fn surroundings(secrets: &[Secret]) -> Result<Surroundings, Trouble> {
    let program = std::env::current_exe()
        .map_err(|error| Trouble::unknown("the program does not know its own path", error.to_string()))?;
    aside::keep(secrets);
    aside::log();
    #[cfg(debug_assertions)]
    aside::provoke();
    Ok(Surroundings::new(&program, secrets.to_vec()))
}

/// Runs to the end, and until nothing that this program started has anything left to clear up.
fn finished<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let result = work.await;
        keeper::settle().await;
        result
    });
    // The system's look-up of a name cannot be broken off, and nobody waits for its answer any more.
    runtime.shutdown_timeout(bounds::LOOK_UP);
    result
}

fn runtime() -> Result<tokio::runtime::Runtime, Trouble> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Trouble::unknown("no runtime could be started", error.to_string()))
}

/// The columns of the terminal, if standard output is one.
fn columns() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}

fn told(result: std::io::Result<()>) -> Result<Exit, Trouble> {
    error::written(result).map(|()| Exit::Good)
}
