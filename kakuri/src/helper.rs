//! Finding the helper programs and starting one. No capability.

use std::ffi::{CStr, CString, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::{Bytes, Channel, lifeline, sys};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::OpenTreeFlags;

/// The programs beside this one, by name.
pub const NAMES: [&str; 4] = ["kakuri-image", "kakuri-init", "kakuri-mount", "kakuri-netns"];

/// Where helpers are looked for, in order.
#[derive(Debug)]
pub struct Programs {
    folders: Vec<PathBuf>,
}

impl Programs {
    /// KAKURI_LIBEXEC (for trying a double; not heeded where kakuri is somebody's login shell, whose caller
    /// may not choose programs), then `../libexec/kakuri`, then beside this program.
    pub fn locate(login: bool) -> Result<Programs> {
        let mut folders = Vec::with_capacity(3);
        if let Some(folder) = std::env::var_os("KAKURI_LIBEXEC").filter(|f| !f.is_empty() && !login) {
            folders.push(PathBuf::from(folder));
        }
        let own = rustix::fs::readlink("/proc/self/exe", Vec::new())
            .map(|p| PathBuf::from(OsString::from(Bytes(p.into_bytes()).as_os_str())));
        match own {
            Ok(own) => {
                if let Some(folder) = own.parent() {
                    // The kernel's own path: no link is left in it for `..` to turn at.
                    folders.extend(folder.parent().map(|above| above.join("libexec/kakuri")));
                    folders.push(folder.to_path_buf());
                }
            }
            Err(e) if folders.is_empty() => {
                return Err(Fail::new(Stage::Front, "cannot tell where kakuri is installed: /proc/self/exe")
                    .errno(e)
                    .hint("kakuri needs /proc"));
            }
            Err(_) => {}
        }
        Ok(Programs { folders })
    }

    /// Opens a helper once; it is executed by this descriptor, whatever becomes of its path.
    pub fn open(&self, name: &str) -> Result<OwnedFd> {
        for folder in &self.folders {
            match openat(CWD, folder.join(name), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
                Ok(fd) => return Ok(fd),
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
                Err(e) => {
                    return Err(Fail::new(Stage::Front, format!("cannot open {name} in {}", shown(folder))).errno(e));
                }
            }
        }
        Err(self.missing())
    }

    /// Where a helper is, for people.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| path.exists())
    }

    /// All that is missing, in one word, so that nobody installs them one after the other.
    fn missing(&self) -> Fail {
        let absent = |name: &&str| self.find(name).is_none();
        let names: Vec<&str> = NAMES.into_iter().filter(absent).collect();
        let folders: Vec<String> = self.folders.iter().map(|f| shown(f)).collect();
        Fail::new(Stage::Front, format!("kakuri is not installed whole: {} missing", names.join(", ")))
            .why(format!("looked in {}", folders.join(", ")))
            .hint("install all five programs: cargo install --path . --target x86_64-unknown-linux-musl")
    }
}

fn shown(folder: &Path) -> String {
    Bytes::from(folder).to_string()
}

/// What a helper is born with: its link at 3, nothing else but /dev/null at 0-2. The descriptors are lent: they
/// stay open here until the child has its own table of them.
pub struct Birth {
    program: BorrowedFd<'static>,
    link: BorrowedFd<'static>,
    null: BorrowedFd<'static>,
    image: sys::Image,
    /// Where the program is, if what runs as it must not be able to change it.
    guarded: Option<CString>,
}

/// `kakuri-init [web]`: what `ps` shows.
pub fn title(program: &str, label: &str) -> CString {
    let clean: Vec<u8> = label.bytes().filter(|b| *b != 0).take(60).collect();
    CString::new([program.as_bytes(), b" [", &clean, b"]"].concat()).unwrap_or_default()
}

impl Birth {
    pub fn new(program: &OwnedFd, link: &Channel, null: &OwnedFd, title: CString) -> Birth {
        let image = sys::Image::new(title);
        Birth { program: sys::lend(program), link: sys::lend(link), null: sys::lend(null), image, guarded: None }
    }

    /// For PID 1: the payload begins as a copy of it, for which /proc/self/exe leads to this very file of the caller's,
    /// whatever is mounted. It runs from a mount of its own that nobody writes by. Only for a child with a mount
    /// namespace of its own.
    ///
    /// One that another user owns and only he may write needs none: that is what the file's own mode keeps.
    pub fn guarded(mut self) -> Result<Birth> {
        let what = || "cannot look at kakuri-init".to_string();
        let stat = rustix::fs::fstat(self.program).fail(Stage::Front, what)?;
        let others_own = stat.st_uid != rustix::process::geteuid().as_raw();
        if others_own && stat.st_mode & 0o022 == 0 {
            return Ok(self);
        }
        let open = format!("/proc/self/fd/{}", self.program.as_raw_fd());
        let path = rustix::fs::readlink(open, Vec::new())
            .fail(Stage::Front, || "cannot tell where kakuri-init is: /proc/self/fd".into())?;
        self.guarded = Some(path);
        Ok(self)
    }

    /// execveat(2), by the mount of its own where there has to be one. Returns only the error.
    fn exec(&self, program: BorrowedFd) -> std::io::Error {
        let Some(path) = &self.guarded else { return self.image.exec(program) };
        match guard(path, program) {
            Ok(program) => self.image.exec(program.as_fd()),
            Err(e) => e,
        }
    }

    /// In a child: everything but the link is closed, and the helper's image takes over. Returns only the error.
    ///
    /// Closing comes first and not at the exec: until then a copy of the front's own ends lives here, and a
    /// front that dies in this moment would not be seen to hang up.
    pub fn become_helper(&self) -> std::io::Error {
        match self.place(None) {
            Ok((program, _)) => self.exec(program.as_fd()),
            Err(e) => e,
        }
    }

    /// The same for a child in a user namespace that others write the maps of: it waits for a word at `gate` when nothing
    /// else of the front's is left in it, its own copy of the other end above all, whose end it is to see. Before it is
    /// mapped it may not become another program, which would cost it every right it has there.
    pub fn become_helper_mapped(&self, gate: BorrowedFd, prepare: impl Fn() -> std::io::Result<()>) -> std::io::Error {
        let (program, gate) = match self.place(Some(gate)) {
            Ok((program, Some(gate))) => (program, gate),
            Ok((_, None)) => return std::io::Error::from_raw_os_error(libc::EBADF),
            Err(e) => return e,
        };
        // A front that dies is seen at the gate; by this too where it dies in between.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        if let Err(e) = prepare() {
            return e;
        }
        loop {
            match rustix::io::read(&gate, &mut [0_u8; 1]) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(1) => break,
                _ => return std::io::Error::from_raw_os_error(libc::EPIPE),
            }
        }
        match rustix::process::chdir("/") {
            Ok(()) => self.exec(program.as_fd()),
            Err(e) => e.into(),
        }
    }

    fn place(&self, gate: Option<BorrowedFd>) -> std::io::Result<(OwnedFd, Option<OwnedFd>)> {
        // Above the fixed numbers first, so that no placement overwrites a source.
        let high = |fd: BorrowedFd| rustix::io::fcntl_dupfd_cloexec(fd, lifeline::LINK + 3);
        let gate = gate.map(high).transpose()?;
        let (program, link, null) = (high(self.program)?, high(self.link)?, high(self.null)?);
        for fd in 0..3 {
            sys::dup_onto(null.as_fd(), fd)?;
        }
        sys::dup_onto(link.as_fd(), lifeline::LINK)?;
        sys::dup_onto(program.as_fd(), lifeline::LINK + 1)?;
        let mut kept = lifeline::LINK + 1;
        if let Some(gate) = &gate {
            kept += 1;
            sys::dup_onto(gate.as_fd(), kept)?;
        }
        let gated = gate.is_some();
        // The high copies go with the rest; their numbers are not used again.
        std::mem::forget((program, link, null, gate));
        sys::close_range(kept as u32 + 1, u32::MAX, false)?;
        let own = |fd| sys::inherit(fd).ok_or_else(|| std::io::Error::from_raw_os_error(libc::EBADF));
        Ok((own(lifeline::LINK + 1)?, if gated { Some(own(kept)?) } else { None }))
    }
}

/// The same program by a mount that is read-only and in no tree.
fn guard(path: &CStr, program: BorrowedFd) -> std::io::Result<OwnedFd> {
    let own = rustix::mount::open_tree(
        CWD,
        path,
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW,
    )?;
    let (meant, found) = (rustix::fs::fstat(program)?, rustix::fs::fstat(&own)?);
    if (meant.st_dev, meant.st_ino) != (found.st_dev, found.st_ino) {
        return Err(std::io::Error::from_raw_os_error(libc::ESTALE));
    }
    let attr = sys::MountAttr { set: sys::MOUNT_ATTR_RDONLY, ..Default::default() };
    sys::mount_setattr(own.as_fd(), false, &attr)?;
    Ok(own)
}

/// Opens /dev/null for the helpers' 0-2.
pub fn open_null() -> Result<OwnedFd> {
    openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .fail(Stage::Front, || "cannot open /dev/null".into())
}
