//! Whether a program can run in an image that holds nothing else.

use std::io;
use std::path::Path;

use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Architecture, Object as _};

use crate::error::Trouble;

/// Refuses a program that needs more than itself.
///
/// # Errors
/// Usage trouble with the command that builds one that does not.
pub fn alone(program: &Path, architecture: &str) -> Result<(), Trouble> {
    let bytes = std::fs::read(program).map_err(|error| unfit(program, &error.to_string(), architecture))?;
    match needs(&bytes) {
        Ok((_, Some(loader))) => {
            Err(unfit(program, &format!("it is linked dynamically and needs {loader}"), architecture))
        }
        Ok((built_for, None)) if built_for != architecture => {
            Err(unfit(program, &format!("it is built for {built_for}, the engine runs {architecture}"), architecture))
        }
        Ok((_, None)) => Ok(()),
        Err(error) => Err(unfit(program, &format!("it is no program for Linux: {error}"), architecture)),
    }
}

/// The loader that a program asks for, if it does not run alone.
///
/// # Errors
/// What keeps it from being read as a program for Linux.
pub fn loader(program: &[u8]) -> io::Result<Option<String>> {
    needs(program).map(|(_, loader)| loader)
}

/// The architecture that a program is built for, as images name it, and the loader that it asks for.
fn needs(bytes: &[u8]) -> io::Result<(&'static str, Option<String>)> {
    let wrong = |error: object::Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let file: ElfFile64<'_> = ElfFile64::parse(bytes).map_err(wrong)?;
    let built_for = match file.architecture() {
        Architecture::X86_64 => "amd64",
        Architecture::Aarch64 => "arm64",
        _ => "another machine",
    };
    let endian = file.endian();
    for header in file.elf_program_headers() {
        if let Some(loader) = header.interpreter(endian, bytes).map_err(wrong)? {
            return Ok((built_for, Some(String::from_utf8_lossy(loader).into_owned())));
        }
    }
    Ok((built_for, None))
}

fn unfit(program: &Path, why: &str, architecture: &str) -> Trouble {
    let machine = if architecture == "arm64" { "aarch64" } else { "x86_64" };
    Trouble::usage(
        format!("{} cannot run in a container of a lab", program.display()),
        format!("the issuer and the upstream are this program in an image that holds nothing else; {why}"),
    )
    .cure(format!(
        "take a released binary, or build it with\n  RUSTFLAGS='-C target-feature=+crt-static' cargo build --release \
         --locked --target {machine}-unknown-linux-gnu -p zot-verify"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_program_is_refused_with_the_command_that_builds_one() {
        let trouble = alone(Path::new("/etc/passwd"), "arm64").unwrap_err();
        assert!(trouble.to_string().contains("--target aarch64-unknown-linux-gnu"), "{trouble}");
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
    fn a_dynamic_program_is_told_by_its_loader() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(needs(&own).unwrap().1.is_some_and(|loader| loader.contains("ld-linux")));
    }
}
