//! The benchmark behind tests/bench/run. One file without dependencies, compiled by that script.
//!
//! Every round starts each program once, in a fresh random order; a ratio is the median over rounds of two
//! programs' times in the *same* round, so that a load that comes and goes cancels out. Only ratios mean anything on
//! another machine.

mod exec;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

struct Peer {
    name: &'static str,
    argv: Vec<String>,
}

impl Peer {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The time from before the start to the end of the process that was started, in microseconds.
    fn time(&self) -> f64 {
        let mut command = self.command();
        let begun = Instant::now();
        let ended = command.status();
        let took = begun.elapsed().as_secs_f64() * 1e6;
        match ended {
            Ok(status) if status.success() => took,
            other => stop(&format!("{} failed while it was measured: {other:?}", self.name)),
        }
    }
}

fn stop(why: &str) -> ! {
    eprintln!("bench: {why}");
    exit(1)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

fn installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').any(|folder| Path::new(folder).join(program).is_file())
}

/// Everyone who can start `command` with all namespaces new, the host's programs read-only, own /tmp, /proc and /dev,
/// and `extra` read-only binds of /usr beside.
fn peers(kakuri: &str, extra: usize, command: &str) -> Vec<Peer> {
    let base: Vec<&str> = ["/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc", "/opt"]
        .into_iter()
        .filter(|d| Path::new(d).exists())
        .collect();
    let each = |form: &dyn Fn(&str, &str) -> String, with_base: bool| {
        let mut all: Vec<String> = if with_base { base.iter().map(|d| form(d, d)).collect() } else { Vec::new() };
        all.extend((0..extra).map(|i| form("/usr", &format!("/x/{i}"))));
        all.join(" ")
    };
    let mut list = vec![Peer {
        name: "kakuri",
        argv: words(&format!("{kakuri} {} {command}", each(&|s, d| format!("--bind {s}:{d}:ro"), false))),
    }];
    let mut add = |name: &'static str, program: &str, line: String| {
        if installed(program) {
            list.push(Peer { name, argv: words(&line) });
        }
    };
    let bubblewrap = each(&|s, d| format!("--ro-bind {s} {d}"), true);
    add(
        "bubblewrap",
        "bwrap",
        format!("bwrap --unshare-all {bubblewrap} --tmpfs /tmp --proc /proc --dev /dev {command}"),
    );
    let hakoniwa = each(&|s, d| format!("-b {s}:{d}"), false);
    add(
        "hakoniwa",
        "hakoniwa",
        format!("hakoniwa run --unshare-all --devfs /dev --tmpfs /tmp {hakoniwa} -- {command}"),
    );
    let nsjail = each(&|s, d| format!("-R {s}:{d}"), true);
    add("nsjail", "nsjail", format!("nsjail -Mo -Q {nsjail} -T /tmp -R /dev/null -R /dev/urandom -- {command}"));
    if extra == 0 {
        add("unshare", "unshare", format!("unshare -Urmpfniu --cgroup --mount-proc {command}"));
        add("no sandbox", "true", command.to_string());
    }
    list
}

/// Those of the peers that work here; the others are named with the reason.
fn working(list: Vec<Peer>) -> Vec<Peer> {
    list.into_iter()
        .filter(|peer| {
            let output = peer.command().stderr(Stdio::piped()).output();
            match output {
                Ok(o) if o.status.success() => true,
                Ok(o) => {
                    let said = String::from_utf8_lossy(&o.stderr).trim().replace('\n', " ");
                    println!("# {}: not measured: {} {said}", peer.name, o.status);
                    if peer.name == "kakuri" {
                        exit(1);
                    }
                    false
                }
                Err(e) => stop(&format!("{}: {e}", peer.argv[0])),
            }
        })
        .collect()
}

fn shuffled(count: usize, state: &mut u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        order.swap(i, (*state % (i as u64 + 1)) as usize);
    }
    order
}

fn measure(list: &[Peer], rounds: usize) -> Vec<Vec<f64>> {
    let mut state = 0x2545_f491_4f6c_dd1d ^ u64::from(std::process::id());
    let mut times = vec![Vec::new(); list.len()];
    for round in 0..rounds + 3 {
        for i in shuffled(list.len(), &mut state) {
            let took = list[i].time();
            // The first three rounds warm the caches.
            if round >= 3 {
                times[i].push(took);
            }
            // Let the kernel finish tearing down the last one, so that nobody pays for its neighbour.
            std::thread::sleep(Duration::from_micros(500));
        }
    }
    times
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

fn ratio(a: &[f64], b: &[f64]) -> f64 {
    quantile(&a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>(), 0.5)
}

/// Prints the table and gives kakuri's ratio to bubblewrap.
fn table(what: &str, list: &[Peer], times: &[Vec<f64>]) -> Option<f64> {
    println!("{what:18} {:>9} {:>9} {:>9} {:>9}  {:>10}", "min us", "p25", "median", "p90", "kakuri is");
    for (peer, t) in list.iter().zip(times) {
        println!(
            "{:18} {:9.0} {:9.0} {:9.0} {:9.0}  {:>9.2}x",
            peer.name,
            quantile(t, 0.0),
            quantile(t, 0.25),
            quantile(t, 0.5),
            quantile(t, 0.9),
            ratio(&times[0], t)
        );
    }
    let bubblewrap = list.iter().position(|p| p.name == "bubblewrap")?;
    Some(ratio(&times[0], &times[bubblewrap]))
}

fn start(kakuri: &str, rounds: usize) -> Option<f64> {
    let list = working(peers(kakuri, 0, "/bin/true"));
    let times = measure(&list, rounds);
    table("start of true", &list, &times)
}

fn binds(kakuri: &str, rounds: usize) -> Option<f64> {
    let mut last = None;
    for count in [1, 10, 100, 1000] {
        let list = working(peers(kakuri, count, "/bin/true"));
        let rounds = (rounds / if count < 100 { 2 } else { count / 10 }).max(5);
        let times = measure(&list, rounds);
        last = table(&format!("{count} more binds"), &list, &times).or(last);
    }
    last
}

fn stat(pid: u32) -> Option<(u32, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    Some((rest.split_whitespace().nth(1)?.parse().ok()?, head.split_once('(')?.1.to_string()))
}

/// Every process's parent and name.
fn processes() -> BTreeMap<u32, (u32, String)> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|e| e.file_name().to_str()?.parse().ok()).filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

fn family(root: u32, all: &BTreeMap<u32, (u32, String)>) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(all.iter().filter(|(_, (p, _))| *p == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

fn proportional_kib(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    text.lines().find_map(|l| l.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok())
}

/// Proportional memory of a container at rest, without the command's own: everything in its tree but `sleep`.
fn mem(kakuri: &str) -> Option<f64> {
    let user = std::env::var("BENCH_AS").ok();
    let mut of = BTreeMap::new();
    for count in [1, 100] {
        for mut peer in peers(kakuri, 0, "/bin/sleep 1000") {
            if ["unshare", "no sandbox"].contains(&peer.name) {
                continue;
            }
            if let Some(user) = &user {
                let prefix = format!("setpriv --reuid {user} --regid {user} --init-groups --inh-caps=-all --");
                peer.argv.splice(0..0, words(&prefix));
            }
            // Root's home is closed to the user.
            let spawn = || peer.command().env("HOME", "/tmp").spawn().unwrap_or_else(|e| stop(&e.to_string()));
            let mut children: Vec<Child> = (0..count).map(|_| spawn()).collect();
            let end = Instant::now() + Duration::from_secs(60);
            let sleeping = loop {
                let all = processes();
                let asleep = children
                    .iter()
                    .filter(|c| family(c.id(), &all).iter().any(|p| all.get(p).is_some_and(|(_, n)| n == "sleep")))
                    .count();
                if asleep == count || Instant::now() > end {
                    break asleep;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            let all = processes();
            let (mut total, mut supervisors, mut hidden) = (0, 0, 0);
            let tree: Vec<u32> = children.iter().flat_map(|c| family(c.id(), &all)).collect();
            for pid in &tree {
                if all.get(pid).is_some_and(|(_, name)| name == "sleep") {
                    continue;
                }
                supervisors += 1;
                match proportional_kib(*pid) {
                    Some(kib) => total += kib,
                    None => hidden += 1,
                }
            }
            if sleeping == count {
                let each = total as f64 / count as f64;
                let note = if hidden > 0 { format!(", {hidden} may only be read by root") } else { String::new() };
                println!(
                    "{:12} x{count:<4} {each:7.0} KiB a container in {:.1} processes{note}",
                    peer.name,
                    supervisors as f64 / count as f64
                );
                if hidden == 0 {
                    of.insert((peer.name, count), each);
                }
            } else {
                println!("# {}: not measured: {sleeping} of {count} came up", peer.name);
            }
            for child in &mut children {
                // Killing the supervisor must end the container; the bench relies on it for kakuri alone.
                let _ = child.kill();
            }
            let pids: Vec<String> = tree.iter().map(u32::to_string).collect();
            let _ = Command::new("kill").arg("-9").args(pids).stderr(Stdio::null()).status();
            for child in &mut children {
                let _ = child.wait();
            }
        }
    }
    let ratio = of.get(&("kakuri", 100))? / of.get(&("bubblewrap", 100))?;
    println!("kakuri is {ratio:.2}x bubblewrap with 100 running");
    Some(ratio)
}

/// Launches a second with as many launchers as there are processors, in bursts that take turns.
fn throughput(kakuri: &str) -> Option<f64> {
    let list = working(peers(kakuri, 0, "/bin/true"));
    let launchers = std::thread::available_parallelism().map_or(2, usize::from);
    let burst = Duration::from_secs(3);
    let mut rates = vec![Vec::new(); list.len()];
    for _ in 0..3 {
        for (i, peer) in list.iter().enumerate() {
            let stop = AtomicBool::new(false);
            let begun = Instant::now();
            let total: usize = std::thread::scope(|scope| {
                let workers: Vec<_> = (0..launchers)
                    .map(|_| {
                        scope.spawn(|| {
                            let mut count = 0;
                            while !stop.load(Ordering::Relaxed) {
                                peer.time();
                                count += 1;
                            }
                            count
                        })
                    })
                    .collect();
                std::thread::sleep(burst);
                stop.store(true, Ordering::Relaxed);
                workers.into_iter().map(|w| w.join().unwrap_or(0)).sum()
            });
            rates[i].push(total as f64 / begun.elapsed().as_secs_f64());
        }
    }
    for (peer, rate) in list.iter().zip(&rates) {
        println!(
            "{:12} {:7.0} launches a second with {launchers} launchers; kakuri is {:.2}x",
            peer.name,
            quantile(rate, 0.5),
            ratio(&rates[0], rate)
        );
    }
    None
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (what, kakuri) = match (args.next(), args.next()) {
        (Some(what), Some(kakuri)) => (what, kakuri),
        _ => stop("usage: bench start|binds|mem|thru|exec|all KAKURI [-n ROUNDS] [--check RATIO]"),
    };
    let (mut rounds, mut limit) = (200, None);
    while let Some(flag) = args.next() {
        let value = args.next();
        match (flag.as_str(), value.and_then(|v| v.parse::<f64>().ok())) {
            ("-n", Some(n)) => rounds = n as usize,
            ("--check", Some(r)) => limit = Some(r),
            _ => stop(&format!("{flag} is not understood")),
        }
    }
    let chosen: &[&str] = if what == "all" { &["start", "binds", "mem", "thru", "exec"] } else { &[what.as_str()] };
    for one in chosen {
        let ratio = match *one {
            "start" => start(&kakuri, rounds),
            "binds" => binds(&kakuri, rounds),
            "mem" => mem(&kakuri),
            "thru" => throughput(&kakuri),
            "exec" => exec::exec(&kakuri, rounds),
            other => stop(&format!("{other} is none of start, binds, mem, thru, exec, all")),
        };
        if let (Some(limit), Some(ratio)) = (limit, ratio)
            && ratio > limit
        {
            stop(&format!("{one}: {ratio:.2} is above {limit}"));
        }
    }
}
