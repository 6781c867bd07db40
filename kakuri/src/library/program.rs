//! Finding the program.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::{Error, ErrorKind, Result};

const NAME: &str = "kakuri";

/// `chosen`; else the environment's KAKURI; else beside this executable; else along PATH.
pub(super) fn find(chosen: Option<&Path>) -> Result<PathBuf> {
    let named = chosen.map(|path| (path.to_path_buf(), "Container::program"));
    let named = named.or_else(|| env::var_os("KAKURI").filter(|v| !v.is_empty()).map(|v| (v.into(), "KAKURI")));
    if let Some((path, whose)) = named {
        return if is_program(&path) {
            Ok(path)
        } else {
            Err(Error::new(ErrorKind::Program, format!("no program at {} ({whose})", path.display()))
                .with_hint("name the executable file `kakuri`, whose helpers lie beside it"))
        };
    }
    let beside = env::current_exe().ok();
    let folders = beside.iter().flat_map(|exe| beside_of(exe)).map(Path::to_path_buf);
    let path = env::var_os("PATH").unwrap_or_default();
    let mut all = folders.chain(env::split_paths(&path).filter(|folder| folder.is_absolute()));
    all.find_map(|folder| Some(folder.join(NAME)).filter(|file| is_program(file))).ok_or_else(|| {
        Error::new(ErrorKind::Program, "the program `kakuri` is not here")
            .with_why("it lies neither beside this executable nor in a folder of PATH")
            .with_hint("cargo install kakuri, or name it: Container::program, or KAKURI in the environment")
    })
}

/// The folder of this executable; of one of cargo's examples or tests also the one above, where programs are.
fn beside_of(exe: &Path) -> impl Iterator<Item = &Path> {
    let folder = exe.parent();
    let built = folder.filter(|folder| folder.ends_with("examples") || folder.ends_with("deps"));
    folder.into_iter().chain(built.and_then(Path::parent))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
