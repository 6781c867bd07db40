//! What a container's commands see.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::Container;
use crate::library::words::{field, source, text};

/// A file or folder of the host that is shown in a container. Set-id bits and device nodes have no effect in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    source: PathBuf,
    destination: PathBuf,
    words: Vec<&'static str>,
}

impl Bind {
    /// Writable, with everything mounted below it. `destination` is absolute; it need not exist.
    pub fn new(source: impl AsRef<Path>, destination: impl AsRef<Path>) -> Bind {
        Bind { source: source.as_ref().into(), destination: destination.as_ref().into(), words: Vec::new() }
    }

    /// Nothing can be changed, in what is mounted below it neither.
    pub fn read_only(self) -> Bind {
        self.with("ro")
    }

    /// Of a folder: what is written goes to a layer of the container's own, and never to the folder. In a container that
    /// stays the layer does: see [`Changes`](crate::Changes).
    pub fn cow(self) -> Bind {
        self.with("cow")
    }

    /// No program in it can be executed.
    pub fn noexec(self) -> Bind {
        self.with("noexec")
    }

    /// A missing folder is made on the host.
    pub fn create(self) -> Bind {
        self.with("create")
    }

    fn with(mut self, word: &'static str) -> Bind {
        self.words.push(word);
        self
    }
}

/// An empty folder in memory, a file system of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    destination: PathBuf,
    words: Vec<String>,
}

impl Tmpfs {
    /// `destination` is absolute. Mode 1777, and half of the machine's memory at most.
    pub fn new(destination: impl AsRef<Path>) -> Tmpfs {
        Tmpfs { destination: destination.as_ref().into(), words: Vec::new() }
    }

    /// The most it may hold, in bytes.
    pub fn size(self, bytes: u64) -> Tmpfs {
        self.with(format!("size={bytes}"))
    }

    /// Permission bits of the folder.
    pub fn mode(self, mode: u32) -> Tmpfs {
        self.with(format!("mode={mode:o}"))
    }

    /// No program in it can be executed.
    pub fn noexec(self) -> Tmpfs {
        self.with("noexec".into())
    }

    fn with(mut self, word: String) -> Tmpfs {
        self.words.push(word);
        self
    }
}

/// Where what is written to a root folder goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootMode {
    /// To a layer of the container's own: the folder is never touched.
    #[default]
    Overlay,
    /// Nowhere.
    ReadOnly,
    /// To the folder itself.
    ReadWrite,
}

/// When an image is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pull {
    /// Although it is here.
    Always,
    /// Where it is not here.
    #[default]
    Missing,
    /// Never: it is here, or the command fails.
    Never,
}

impl Container {
    /// Shows a file or folder of the host, writable.
    #[doc(alias = "bindmount_rw")]
    pub fn bind(&mut self, source: impl AsRef<Path>, destination: impl AsRef<Path>) -> &mut Container {
        let (source, destination) = (source.as_ref(), destination.as_ref());
        self.bound(text!("Container::bind", source, destination), &Bind::new(source, destination))
    }

    /// Shows a file or folder of the host, read-only, recursively.
    #[doc(alias = "bindmount_ro")]
    pub fn bind_ro(&mut self, source: impl AsRef<Path>, destination: impl AsRef<Path>) -> &mut Container {
        let (source, destination) = (source.as_ref(), destination.as_ref());
        self.bound(text!("Container::bind_ro", source, destination), &Bind::new(source, destination).read_only())
    }

    /// Shows a folder of the host whose changes go to a layer ([`Bind::cow`]).
    pub fn bind_cow(&mut self, source: impl AsRef<Path>, destination: impl AsRef<Path>) -> &mut Container {
        let (source, destination) = (source.as_ref(), destination.as_ref());
        self.bound(text!("Container::bind_cow", source, destination), &Bind::new(source, destination).cow())
    }

    /// Shows a file or folder of the host in the manner it says.
    pub fn mount(&mut self, bind: &Bind) -> &mut Container {
        self.bound(text!("Container::mount", bind.source, bind.destination), bind)
    }

    fn bound(&mut self, call: String, bind: &Bind) -> &mut Container {
        let quoted = [&bind.source, &bind.destination].map(|path| path.to_string_lossy().into_owned());
        let words = OsString::from(bind.words.join(","));
        let (from, to) = (source(bind.source.as_os_str()), field(bind.destination.as_os_str()));
        self.parted(call, "--bind", [from, to], words, quoted.into())
    }

    /// Binds what a profile of kakuri's configuration lists.
    pub fn bind_profile(&mut self, name: impl AsRef<str>) -> &mut Container {
        let name = name.as_ref();
        self.calls.option(text!("Container::bind_profile", name), "--bind-profile", name);
        self
    }

    /// Whether existing files and folders that are whole arguments of a command are shown read-only at their own place,
    /// as on kakuri's command line. They are not unless this is asked for.
    pub fn auto_bind(&mut self, yes: bool) -> &mut Container {
        self.auto_bind = yes;
        self
    }

    /// An empty folder in memory.
    #[doc(alias = "tmpfsmount")]
    pub fn tmpfs(&mut self, destination: impl AsRef<Path>) -> &mut Container {
        self.tmpfs_with(&Tmpfs::new(destination))
    }

    /// An empty folder in memory, in the manner it says.
    pub fn tmpfs_with(&mut self, tmpfs: &Tmpfs) -> &mut Container {
        let call = text!("Container::tmpfs", tmpfs.destination);
        let quoted = vec![tmpfs.destination.to_string_lossy().into_owned()];
        let words = OsString::from(tmpfs.words.join(","));
        self.parted(call, "--tmpfs", [field(tmpfs.destination.as_os_str()), None], words, quoted)
    }

    /// A file of the container's own with these contents, four MiB at most, over what is there. Commands may write it.
    pub fn file(&mut self, destination: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> &mut Container {
        self.file_with_mode(destination, contents, 0o644)
    }

    /// The same with these permission bits.
    pub fn file_with_mode(
        &mut self,
        destination: impl AsRef<Path>,
        contents: impl AsRef<[u8]>,
        mode: u32,
    ) -> &mut Container {
        let at = destination.as_ref();
        let call = format!("Container::file({at:?}, ..)");
        match field(at.as_os_str()) {
            Some(field) => {
                let after = [OsStr::new(":"), &field, OsStr::new(&format!(":mode={mode:o}"))].into_iter().collect();
                let quoted = vec![at.to_string_lossy().into_owned()];
                self.calls.contents(call, "--file", [OsString::new(), after], contents.as_ref(), quoted);
            }
            None => self.calls.refuse(call, "a path here cannot end with a backslash"),
        }
        self
    }

    /// An empty folder of the container's own, with these permission bits.
    pub fn dir(&mut self, destination: impl AsRef<Path>, mode: u32) -> &mut Container {
        let at = destination.as_ref();
        let quoted = vec![at.to_string_lossy().into_owned()];
        let words = OsString::from(format!("mode={mode:o}"));
        self.parted(text!("Container::dir", at, mode), "--dir", [field(at.as_os_str()), None], words, quoted)
    }

    /// A symbolic link at a place where nothing is. Its target is not looked at.
    pub fn symlink(&mut self, target: impl AsRef<Path>, link: impl AsRef<Path>) -> &mut Container {
        let (target, link) = (target.as_ref(), link.as_ref());
        let quoted = vec![link.to_string_lossy().into_owned()];
        let fields = [field(target.as_os_str()), field(link.as_os_str())];
        self.parted(text!("Container::symlink", target, link), "--symlink", fields, OsString::new(), quoted)
    }

    /// Fields with colons between them; the second one and the words may be left out.
    fn parted(
        &mut self,
        call: String,
        option: &str,
        fields: [Option<OsString>; 2],
        words: OsString,
        quoted: Vec<String>,
    ) -> &mut Container {
        let lacking = fields[0].is_none() || (fields[1].is_none() && quoted.len() > 1);
        if lacking {
            self.calls.refuse(call, "a path here cannot end with a backslash");
            return self;
        }
        let parts: Vec<OsString> = fields.into_iter().flatten().chain((!words.is_empty()).then_some(words)).collect();
        self.calls.quoting(call, option, parts.join(OsStr::new(":")), quoted);
        self
    }

    /// Covers a file or folder with an empty one.
    pub fn hide(&mut self, path: impl AsRef<Path>) -> &mut Container {
        let path = path.as_ref();
        self.calls.option(text!("Container::hide", path), "--hide", path);
        self
    }

    /// Shows a device of the host, such as `/dev/kvm`, or a folder of them.
    pub fn device(&mut self, path: impl AsRef<Path>) -> &mut Container {
        let path = path.as_ref();
        let quoted = vec![path.to_string_lossy().into_owned()];
        let call = text!("Container::device", path);
        self.parted(call, "--device", [source(path.as_os_str()), None], OsString::new(), quoted)
    }

    /// The container's own folders (/tmp, /home, ...) cannot be written either.
    pub fn read_only(&mut self) -> &mut Container {
        self.calls.flag(text!("Container::read_only"), "--read-only");
        self
    }

    /// A folder is the root, and the host's programs are not shown; what is written is kept apart from it.
    pub fn rootfs(&mut self, folder: impl AsRef<Path>) -> &mut Container {
        self.rootfs_with(folder, RootMode::Overlay)
    }

    /// A folder is the root, in this manner.
    pub fn rootfs_with(&mut self, folder: impl AsRef<Path>, mode: RootMode) -> &mut Container {
        let folder = folder.as_ref();
        let word = match mode {
            RootMode::Overlay => "O",
            RootMode::ReadOnly => "ro",
            RootMode::ReadWrite => "rw",
        };
        let call = text!("Container::rootfs", folder);
        let quoted = vec![folder.to_string_lossy().into_owned()];
        self.parted(call, "--rootfs", [source(folder.as_os_str()), None], word.into(), quoted)
    }

    /// An image is the root: `alpine:3.20`, `quay.io/org/name@sha256:...`, `oci:FOLDER`. It is fetched where it is not here.
    pub fn image(&mut self, reference: impl AsRef<str>) -> &mut Container {
        let reference = reference.as_ref();
        self.calls.option(text!("Container::image", reference), "--image", reference);
        self
    }

    /// When the image is fetched.
    pub fn pull(&mut self, when: Pull) -> &mut Container {
        let word = match when {
            Pull::Always => "always",
            Pull::Missing => "missing",
            Pull::Never => "never",
        };
        self.calls.option(text!("Container::pull", when), "--pull", word);
        self
    }

    /// The image for this kind of machine: `OS/ARCH[/VARIANT]`, such as `linux/arm64`.
    pub fn platform(&mut self, platform: impl AsRef<str>) -> &mut Container {
        let platform = platform.as_ref();
        self.calls.option(text!("Container::platform", platform), "--platform", platform);
        self
    }
}
