//! NVIDIA's libraries for a root of its own: those of the host, at the place where the images made for them look first.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kakuri_wire::Result;

use super::super::Doors;
use crate::bind::place::Placing;
use crate::bind::source::{self, Kind, Look};
use crate::layout::{Origin, Source, What};
use crate::pathname;

/// Where images look for them, as the NVIDIA container tools put them.
const PLACE: &[u8] = b"/usr/local/nvidia/lib64";
/// Where distributions keep them, of this machine's own word size.
const FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "/usr/lib64",
    "/usr/lib64/nvidia",
    "/usr/lib",
];
/// The driver's own, by the beginning of their names. CUDA's others come with the program.
const DRIVER: [&str; 10] = [
    "libcuda.so",
    "libcudadebugger.so",
    "libEGL_nvidia.so",
    "libGLESv1_CM_nvidia.so",
    "libGLESv2_nvidia.so",
    "libGLX_nvidia.so",
    "libnvcuvid.so",
    "libnvidia-",
    "libnvoptix.so",
    "libvdpau_nvidia.so",
];

/// Shows them in a folder of nothing else.
pub fn show(placing: &mut Placing, doors: &mut Doors) -> Result<()> {
    let folders = FOLDERS.map(Path::new);
    let Some(libraries) = folders.into_iter().map(libraries).find(|found| !found.is_empty()) else {
        placing.notes.push("the host has no libraries of NVIDIA's (libcuda.so.1): those of the root are used".into());
        return Ok(());
    };
    let place = placing.put(PLACE, What::Skeleton, &"cannot show NVIDIA's libraries")?;
    let count = libraries.len();
    for path in libraries {
        let (path, name) = (path.as_os_str().as_bytes(), path.file_name().unwrap_or_default().as_bytes());
        if let Ok(Look::Is(real)) = source::look(path)
            && real.kind == Kind::File
        {
            let source = Source { read_only: true, ..real.source(Some(path)) };
            placing.layout.put(pathname::join(&place, name), Origin::User, What::Bind(source));
        }
    }
    doors.shown.push(format!("gpu: {count} of the host's NVIDIA libraries in /usr/local/nvidia/lib64"));
    doors.libraries = Some(PLACE.to_vec());
    Ok(())
}

/// Those of one folder; none where the first of all is not among them.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    if !folder.join("libcuda.so.1").exists() {
        return Vec::new();
    }
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut found: Vec<PathBuf> =
        names.filter(|name| name.to_str().is_some_and(is_driver)).map(|name| folder.join(name)).collect();
    found.sort_unstable();
    found
}

fn is_driver(name: &str) -> bool {
    DRIVER.iter().any(|start| name.starts_with(start)) && name.contains(".so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_own_libraries() {
        let folder = std::env::temp_dir().join(format!("knvidia-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let names = ["libcuda.so.550.1", "libnvidia-ml.so.1", "libcudart.so.12", "libc.so.6", "libnvidia-x.la"];
        for name in names {
            std::fs::write(folder.join(name), "").expect("a file");
        }
        assert!(libraries(&folder).is_empty());
        std::os::unix::fs::symlink("libcuda.so.550.1", folder.join("libcuda.so.1")).expect("a link");
        let found: Vec<String> =
            libraries(&folder).iter().map(|p| p.file_name().unwrap_or_default().to_string_lossy().into()).collect();
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(found, ["libcuda.so.1", "libcuda.so.550.1", "libnvidia-ml.so.1"]);
    }
}
