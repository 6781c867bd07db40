//! kakuri-mount: builds the root filesystem of a container and pivots into it. Lives about a millisecond.
//!
//! | step | rights | must | must not yet |
//! |---|---|---|---|
//! | started | the caller's, no capability, host namespaces | tie its life to the front | |
//! | Plan | the same | parse and check the whole plan | touch a path |
//! | Map, of a container that root starts | CAP_SYS_ADMIN over the host, which was put aside till then | copy the mounts that are shown under other owners; give the right up | meet the container |
//! | Join | CAP_SYS_ADMIN in the container's namespaces, nothing else (and CAP_DAC_OVERRIDE in the call that makes a writable overlay, where one is wanted) | build everything that needs no PID 1 | pivot: PID 1's image may still be loading files by path |
//! | Finish | the same | attach what PID 1 made, pivot once | |
//! | Built | ends | | |

#![no_main]

use std::ffi::OsString;

use kakuri_mount::{FromMount, build::Build, check::check, mapped, serve};
use kakuri_wire::{Channel, Result, Stage, byhand, lifeline, sys};

kakuri_wire::program!(run);

fn run(arguments: Vec<OsString>) -> u8 {
    if !byhand::by_front(&arguments) {
        return kakuri_mount::byhand::run(&arguments);
    }
    let link = match lifeline::attach(Stage::Mount) {
        Ok(link) => link,
        // Without a link there is nobody to tell but standard error.
        Err(fail) => return byhand::report(Stage::Mount, &fail),
    };
    // With a limit on file sizes the kernel would kill us instead of saying so.
    let answer = match sys::ignoring(libc::SIGXFSZ, || build(&link)) {
        Ok(()) => FromMount::Built,
        Err(fail) => FromMount::Failed(fail),
    };
    // A front that is gone needs no answer: PID 1 dies with it, and the namespaces with PID 1.
    match link.send(&answer, &[]) {
        Ok(()) if answer == FromMount::Built => {
            // The front first, where it waits for this very processor: our end takes longer than its next word.
            rustix::thread::sched_yield();
            0
        }
        _ => kakuri_wire::fail::CODE_FAILED,
    }
}

fn build(link: &Channel) -> Result<()> {
    let power = mapped::put_aside()?;
    let plan = serve::plan(link)?;
    check(&plan)?;

    let mapped = power.prepare(&plan, || serve::map(link))?;
    let pid1 = serve::join(link)?;
    serve::enter(pid1, &plan)?;

    let mut build = Build::begin(&plan, mapped)?;
    build.ops(&plan.ops)?;
    build.prepare(&plan.finish)?;

    let made = serve::finish(link)?;
    build.hand(made)?;
    build.ops(&plan.finish)?;
    build.pivot(plan.read_only)
}
