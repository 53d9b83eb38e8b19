//! Labs in containers, with every engine that answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};
use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use zot_verify::target::containers::{self, Engine, Image};
use zot_verify::target::zot::Zot;

use super::cleanup::{reaper, until};
use super::support;

/// What a scenario in containers needs.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// zot-verify, linked statically.
    program: PathBuf,
    /// The image of the zot that was found.
    image: String,
}

/// The engine, an image of this zot, and a program that can be put into one; or why there is none.
pub(crate) fn ground(zot: &Result<Zot, String>) -> Result<Ground, String> {
    static GROUND: OnceLock<Result<Ground, String>> = OnceLock::new();
    GROUND.get_or_init(|| prepare(zot)).clone()
}

fn prepare(zot: &Result<Zot, String>) -> Result<Ground, String> {
    let Zot::Program(zot) = zot.clone()? else { return Err("no zot binary to make an image of".into()) };
    if !containers::listens() {
        return Err(format!("no container engine listens at {}", containers::host()));
    }
    let program = program()?;
    let runtime = support::runtime().map_err(|failed| failed.message().unwrap_or_default().to_owned())?;
    let image = runtime.block_on(image(&zot)).map_err(|error| error.to_string())?;
    Ok(Ground { program, image })
}

/// `ZOT_VERIFY_STATIC`, else a build of its own; that takes minutes, once.
fn program() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("ZOT_VERIFY_STATIC") {
        return Ok(named.into());
    }
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "-p", "zot-verify", "--target", &triple])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !built.success() {
        return Err("no static zot-verify: it could not be built".into());
    }
    // target/debug/zot-verify -> target/TRIPLE/debug/zot-verify
    let debug = support::program().parent().ok_or("no target directory")?;
    Ok(debug.parent().ok_or("no target directory")?.join(triple).join("debug/zot-verify"))
}

/// An image around a zot binary, with the loader that it may ask for.
async fn image(zot: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let engine = Engine::connect().await?;
    let program = std::fs::read(zot)?;
    let loader = containers::loader(&program)?;
    let mut files = vec![("/usr/local/bin/zot", program)];
    if let Some(loader) = &loader {
        files.push((loader, std::fs::read(loader)?));
    }
    let tag = "zot-verify-test/zot:found";
    let architecture = engine.architecture.clone();
    let image =
        Image { tag, architecture: &architecture, entry_point: "/usr/local/bin/zot", user: "", label: None, files };
    containers::load(&engine, &image).await?;
    Ok(tag.to_owned())
}

/// The same verdicts as with a zot process, and nothing left.
pub(crate) fn same_verdicts(ground: &Ground, zot: &Zot) -> Result<(), Failed> {
    let temporary = tempfile::tempdir()?;
    let output = run(ground, temporary.path()).args(["--format", "json"]).output()?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let (_, process) = support::local(zot, &[])?;
    assert_eq!(support::verdicts(&report), support::verdicts(&process));
    assert_eq!(report["target"]["stand_in"], Value::Bool(false));
    support::nothing_left(temporary.path())?;
    assert_eq!(left(temporary.path())?, Vec::<String>::new());
    Ok(())
}

/// A run that is killed while its containers work.
pub(crate) fn killed_run_leaves_nothing(ground: &Ground, _: &Zot) -> Result<(), Failed> {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let temporary = tempfile::tempdir()?;
        let mut run = run(ground, temporary.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        until("a lab's container", || left(temporary.path()).is_ok_and(|left| left.len() > 1))?;
        kill_process(Pid::from_raw(i32::try_from(run.id())?).ok_or("no pid")?, signal)?;
        run.wait()?;
        let nothing = || {
            support::nothing_left(temporary.path()).is_ok() && left(temporary.path()).is_ok_and(|left| left.is_empty())
        };
        until(&format!("nothing left after {signal:?}"), nothing)?;
    }
    Ok(())
}

/// A run that is killed together with its reaper: what it left goes with the next.
pub(crate) fn orphans_go_with_the_next_run(ground: &Ground, _: &Zot) -> Result<(), Failed> {
    let temporary = tempfile::tempdir()?;
    let mut killed = run(ground, temporary.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    until("a lab's containers", || left(temporary.path()).is_ok_and(|left| left.len() > 3))?;
    let reaper = reaper(temporary.path()).ok_or("no reaper")?;
    kill_process(Pid::from_raw(i32::try_from(killed.id())?).ok_or("no pid")?, Signal::KILL)?;
    kill_process(reaper, Signal::KILL)?;
    killed.wait()?;
    assert_eq!(left(temporary.path())?.len(), 4, "three containers and a network have nobody any more");
    until("a directory old enough to be nobody's", || {
        let entries = std::fs::read_dir(temporary.path()).into_iter().flatten().flatten();
        let modified = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()?.elapsed().ok());
        modified.min().is_some_and(|age| age > zot_verify::bounds::NEWBORN)
    })?;
    let output = run(ground, temporary.path()).output()?;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    support::nothing_left(temporary.path())?;
    assert_eq!(left(temporary.path())?, Vec::<String>::new());
    Ok(())
}

/// A program that cannot run in a container, and an image that is not there, are told with what to do.
pub(crate) fn what_is_missing_is_told(_: &Ground, _: &Zot) -> Result<(), Failed> {
    let temporary = tempfile::tempdir()?;
    let said = |words: &[&str]| -> Result<(Option<i32>, String), Failed> {
        let output = support::command(temporary.path()).args(words).output()?;
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    };
    let (code, text) = said(&["local", "--zot", "image:zot-verify-test/zot:found"])?;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("target-feature=+crt-static"), "{text}");
    let (code, text) = said(&["local", "--zot", "image:nobody.test/zot:v0"])?;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("pull nobody.test/zot:v0"), "{text}");
    support::nothing_left(temporary.path())
}

fn run(ground: &Ground, temporary: &Path) -> Command {
    let mut command = Command::new(&ground.program);
    support::outside(&mut command, temporary);
    // Engines that start many containers at once take their time.
    command.args(["local", "--timeout", "2m", "--zot", &format!("image:{}", ground.image)]);
    command
}

/// The containers and networks of runs in this directory.
fn left(directory: &Path) -> Result<Vec<String>, Failed> {
    let runtime = support::runtime()?;
    runtime.block_on(async {
        let api: Docker = Engine::connect().await?.api;
        let labelled = std::collections::HashMap::from([("label", vec!["zot-verify.lab"])]);
        let here = |labels: Option<std::collections::HashMap<String, String>>| {
            let at = labels.unwrap_or_default().remove("zot-verify.directory").unwrap_or_default();
            Path::new(&at).starts_with(directory)
        };
        let every = ListContainersOptionsBuilder::default().all(true).filters(&labelled).build();
        let containers = api.list_containers(Some(every)).await?.into_iter().filter(|found| here(found.labels.clone()));
        let mut left: Vec<String> = containers.filter_map(|found| found.id).collect();
        let every = ListNetworksOptionsBuilder::default().filters(&labelled).build();
        let networks = api.list_networks(Some(every)).await?.into_iter().filter(|found| here(found.labels.clone()));
        left.extend(networks.filter_map(|found| found.name));
        Ok(left)
    })
}

/// In a container of the engine, as a job's is, a run finds the engine's network, joins that of its lab, and needs nothing
/// mounted but the engine's socket.
pub(crate) fn job_container_joins_its_lab(ground: &Ground, _: &Zot) -> Result<(), Failed> {
    let host = containers::host();
    let Some(socket) = host.strip_prefix("unix://") else { return Err(format!("{host} is no socket").into()) };
    // Any run loads the image around this program.
    let temporary = tempfile::tempdir()?;
    let output = run(ground, temporary.path()).arg("pull.anonymous").output()?;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (code, said) = support::runtime()?.block_on(job(socket, &ground.image))?;
    let said = String::from_utf8_lossy(&said);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("http://registry.zot-verify.test:"), "{said}");
    Ok(())
}

/// Runs `local` in a container beside those that it starts.
async fn job(socket: &str, zot: &str) -> Result<(i64, Vec<u8>), Failed> {
    let engine = Engine::connect().await?;
    let ours = ListImagesOptionsBuilder::default()
        .filters(&std::collections::HashMap::from([("label", vec!["zot-verify.fixtures"])]))
        .build();
    let images = engine.api.list_images(Some(ours)).await?;
    let image = images.into_iter().next().ok_or("the image around this program is not there")?.id;
    let words = ["local", "--zot", &format!("image:{zot}"), "--timeout", "2m"].map(str::to_owned);
    let body = ContainerCreateBody {
        image: Some(image),
        cmd: Some(words.into()),
        user: Some("0:0".into()),
        env: Some(vec!["DOCKER_HOST=unix:///engine.sock".into()]),
        host_config: Some(HostConfig { binds: Some(vec![format!("{socket}:/engine.sock")]), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let made = engine.api.create_container(None::<CreateContainerOptions>, body).await?;
    engine.api.start_container(&made.id, None::<StartContainerOptions>).await?;
    let ended = containers::ended(&engine, &made.id).await;
    let now = RemoveContainerOptionsBuilder::default().force(true).build();
    engine.api.remove_container(&made.id, Some(now)).await?;
    Ok(ended?)
}
