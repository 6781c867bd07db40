//! A network of the test's own in the place of the machine's: a host with a default route by IPv4 and IPv6, and one
//! other machine behind it. Nothing leaves it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::common::live::signal;
use super::common::{self, KAKURI, Run, Scene};

pub const HOST: &str = "198.51.100.1";
pub const HOST6: &str = "2001:db8::1";
pub const FAR: &str = "198.51.100.254";
pub const FAR6: &str = "2001:db8::fe";

/// The other machine is a process of its own, which dies with this one.
const MAKE: &str = r#"
set -e
exec 5< <(exec setpriv --pdeathsig KILL unshare -n sh -c 'echo made; exec sleep infinity')
far=$!
read -r _ <&5
ip link set lo up
ip link add host type veth peer name far netns $far
ip addr add 198.51.100.1/24 dev host
ip -6 addr add 2001:db8::1/64 dev host nodad
ip link set host up
nsenter -t $far -n sh -e -c 'ip link set lo up
ip addr add 198.51.100.254/24 dev far
ip -6 addr add 2001:db8::fe/64 dev far nodad
ip link set far up'
if [ "$1" = routed ]; then
    ip route add default via 198.51.100.254
    ip -6 route add default via 2001:db8::fe
fi
echo "nameserver 127.0.0.1" >"$2"
mount --bind "$2" /etc/resolv.conf
echo "$$ $far"
exec sleep infinity
"#;

/// Answers whoever comes with its name, the protocol and the port: at once where it is TCP. Says `ready` first.
pub const ANSWER: &str = r#"
import socket, sys, threading
name = sys.argv[1]
def tcp(s, port):
    while True:
        c, _ = s.accept()
        try:
            c.sendall(f"{name} tcp {port}\n".encode())
            c.shutdown(socket.SHUT_WR)
            c.recv(1)
        except OSError: pass
        c.close()
def udp(s, port):
    while True:
        _, a = s.recvfrom(2000)
        s.sendto(f"{name} udp {port}\n".encode(), a)
for word in sys.argv[2:]:
    protocol, address, port = word.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    if protocol == "tcp": s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, int(port)))
    if protocol == "tcp": s.listen(64)
    threading.Thread(target=tcp if protocol == "tcp" else udp, args=(s, port), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"#;

/// Asks all of them at once, and prints a line each: the answer, `refused`, `reset`, `unreachable`, or `silent`.
/// The first word is how many seconds silence takes.
pub const ASK: &str = r#"
import errno, socket, sys, threading
said = {}
def ask(word):
    protocol, address, port = word.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(float(sys.argv[1]))
    try:
        s.connect((address, int(port)))
        if protocol == "udp": s.send(b"who?")
        said[word] = s.recv(2000).decode().strip() or "nothing"
    except TimeoutError: said[word] = "silent"
    except ConnectionRefusedError: said[word] = "refused"
    except ConnectionResetError: said[word] = "reset"
    except OSError as e: said[word] = "unreachable" if e.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH) else str(e)
threads = [threading.Thread(target=ask, args=(word,)) for word in sys.argv[2:]]
for t in threads: t.start()
for t in threads: t.join()
for word in sys.argv[2:]: print(word, said[word])
"#;

pub struct Outer {
    holder: Child,
    /// In the place of the host's resolv.conf.
    resolvers: std::path::PathBuf,
    pid: String,
    far: String,
}

impl Outer {
    /// None where this machine cannot: said as skipped.
    pub fn new(scene: &Scene) -> Option<Outer> {
        Outer::make(scene, "routed")
    }

    /// The same without a way out.
    pub fn without_route(scene: &Scene) -> Option<Outer> {
        Outer::make(scene, "unrouted")
    }

    fn make(scene: &Scene, kind: &str) -> Option<Outer> {
        for program in ["unshare", "nsenter", "ip", "python3"] {
            if !common::have(program) {
                common::skip(format_args!("{program} is not installed"));
                return None;
            }
        }
        if std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_err() {
            common::skip("/dev/net/tun cannot be opened");
            return None;
        }
        let resolvers = scene.work().join("resolv.conf");
        let mut holder =
            scene.program("unshare").args(["-Urnm", "bash", "-c", MAKE, "bash", kind]).arg(&resolvers).spawn();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("text");
        let Some((pid, far)) = line.trim().split_once(' ') else {
            let mut why = String::new();
            let _ = holder.kill();
            let _ = holder.stderr.take().expect("piped").read_to_string(&mut why);
            let _ = holder.wait();
            common::skip(format_args!("no network of the test's own: {}", why.trim()));
            return None;
        };
        let (pid, far) = (pid.to_string(), far.to_string());
        Some(Outer { holder, resolvers, pid, far })
    }

    /// On the host, as whoever owns it.
    pub fn here(&self, scene: &Scene, words: &[&str]) -> Run {
        self.enter(scene, &["-m", "-n"], &self.pid, words)
    }

    /// On the other machine.
    pub fn far(&self, scene: &Scene, words: &[&str]) -> Run {
        self.enter(scene, &["-n"], &self.far, words)
    }

    fn enter(&self, scene: &Scene, kinds: &[&str], pid: &str, words: &[&str]) -> Run {
        scene
            .program("nsenter")
            .args(["-t", pid, "-U", "--preserve-credentials"])
            .args(kinds)
            .arg("--")
            .args(words)
            .stdin(Stdio::null())
    }

    /// `kakuri ARGS...` on the host, as a user without any right over its network.
    pub fn kakuri(&self, scene: &Scene, args: &[&str]) -> Run {
        let mut words = vec!["unshare", "-U", "--map-user=1000", "--map-group=1000", KAKURI];
        words.extend(args);
        self.here(scene, &words)
    }

    /// What each of `asked` answers, asked on the host.
    pub fn ask(&self, scene: &Scene, asked: &[String]) -> Vec<(String, String)> {
        answers(self.here(scene, &["python3", "-c", ASK, "5"]).args(asked).output().ok().text())
    }
}

/// `protocol,address,port` with what it said.
pub fn answers(text: String) -> Vec<(String, String)> {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_string(), b.to_string())).collect()
}

impl Drop for Outer {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        let _ = std::fs::remove_file(&self.resolvers);
    }
}

/// Something that runs and has said `ready`.
pub struct Ready {
    pub child: Child,
    _stdout: BufReader<ChildStdout>,
}

impl Ready {
    #[track_caller]
    pub fn wait(run: Run) -> Ready {
        let mut child = run.spawn();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("text");
        if line != "ready\n" {
            let mut why = String::new();
            let _ = child.stderr.take().expect("piped").read_to_string(&mut why);
            panic!("not ready: {line}{why}");
        }
        Ready { child, _stdout: stdout }
    }
}

/// Asked to end, not killed: what kakuri started is gone when it returns, and the next may have the same ports.
impl Drop for Ready {
    fn drop(&mut self) {
        signal(self.child.id() as i32, libc::SIGTERM);
        let _ = self.child.wait();
    }
}

/// Whether a program is here, said as skipped where it is not.
pub fn have(program: &str) -> bool {
    let here = common::have(program) && Command::new(program).arg("--version").output().is_ok();
    if !here {
        common::skip(format_args!("{program} is not installed"));
    }
    here
}
