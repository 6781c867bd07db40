//! What it costs to install a container's filter of system calls: each form of it, in children of its own, one form after
//! the other in every round.

use std::io;
use std::time::{Duration, Instant};

use kakuri_seccomp::{Instruction, Machine, Standard, compile, standard};

const ROUNDS: usize = 300;

fn stop(why: &str) -> ! {
    eprintln!("filter: {why}");
    std::process::exit(1)
}

fn program(wanted: Standard) -> Vec<Instruction> {
    let Some(machine) = Machine::named(std::env::consts::ARCH) else { stop("not a machine with a profile") };
    let own = standard(machine, wanted);
    let older = machine.older().map(|older| (older, standard(older, wanted)));
    let mut all = vec![(machine, &own)];
    all.extend(older.iter().map(|(machine, profile)| (*machine, profile)));
    compile(&all).unwrap_or_else(|_| stop("the program is too large"))
}

/// The child's own time for it, through a pipe.
fn install(program: &[Instruction]) -> io::Result<Duration> {
    let steps: Vec<libc::sock_filter> =
        program.iter().map(|step| libc::sock_filter { code: step.code, jt: step.jt, jf: step.jf, k: step.k }).collect();
    let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_ptr().cast_mut() };
    let mut ends = [0; 2];
    let mut nanos = [0u8; 8];
    // SAFETY: plain calls on memory of this function; the child calls nothing but the kernel and ends by _exit, which a
    // filter of a container allows.
    unsafe {
        if libc::pipe(ends.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let child = libc::fork();
        if child == 0 {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            let begun = Instant::now();
            let failed = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter);
            let took = begun.elapsed().as_nanos() as u64;
            libc::write(ends[1], took.to_ne_bytes().as_ptr().cast(), 8);
            libc::_exit((failed != 0) as i32);
        }
        let mut status = 0;
        libc::waitpid(child, &mut status, 0);
        libc::read(ends[0], nanos.as_mut_ptr().cast(), 8);
        libc::close(ends[0]);
        libc::close(ends[1]);
        if child < 0 || status != 0 {
            return Err(io::Error::other("the kernel does not take it"));
        }
    }
    Ok(Duration::from_nanos(u64::from_ne_bytes(nanos)))
}

fn main() {
    let forms =
        [(false, false, "strict"), (false, true, "set-id"), (true, false, "nest"), (true, true, "nest, set-id")];
    let programs = forms.map(|(nest, set_id, _)| program(Standard { nest, set_id }));
    let mut times = forms.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (times, program) in times.iter_mut().zip(&programs) {
            times.push(install(program).unwrap_or_else(|e| stop(&e.to_string())));
        }
    }
    for ((form, program), times) in forms.iter().zip(&programs).zip(&mut times) {
        times.sort();
        let [best, quarter, half] = [0, ROUNDS / 4, ROUNDS / 2].map(|at| times[at].as_nanos() as f64 / 1000.0);
        println!(
            "{:<14}{:>4} instructions   best {best:6.1}   quarter {quarter:6.1}   median {half:6.1} us",
            form.2,
            program.len()
        );
    }
}
