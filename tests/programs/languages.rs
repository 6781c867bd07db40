//! Interpreters and machines, their threads and children.

use crate::common::Scene;
use crate::{bash, need};

#[test]
fn python_with_threads_processes_and_shared_memory() {
    need!("python3");
    let scene = Scene::new();
    scene.file(
        "all.py",
        r#"
import asyncio, concurrent.futures, ctypes, fcntl, mmap, multiprocessing, os, select, signal, socket, sqlite3, subprocess, sys, tempfile, threading
from multiprocessing import shared_memory

def square(n): return n * n
def put(name):
    memory = shared_memory.SharedMemory(name); memory.buf[0] = 42; memory.close()
def send(queue): queue.put(os.getpid())

if __name__ == "__main__":
    for way in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(way).Pool(3) as pool:
            print(way, sum(pool.map(square, range(100))))
    memory = shared_memory.SharedMemory(create=True, size=4096)
    child = multiprocessing.Process(target=put, args=(memory.name,)); child.start(); child.join()
    print("shared", memory.buf[0]); memory.close(); memory.unlink()
    queue = multiprocessing.Queue(); child = multiprocessing.Process(target=send, args=(queue,)); child.start()
    print("queue", queue.get() == child.pid); child.join()
    manager = multiprocessing.Manager(); held = manager.dict(); held["a"] = 1; print("manager", dict(held)); manager.shutdown()
    with concurrent.futures.ThreadPoolExecutor(8) as pool: print("threads", sum(pool.map(square, range(100))))
    print("child", subprocess.run(["tr", "a-z", "A-Z"], input=b"text", stdout=subprocess.PIPE, start_new_session=True).stdout.decode())
    async def shout():
        process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
        return (await process.communicate(b"async"))[0].decode()
    print(asyncio.run(shout()))
    base = sqlite3.connect("/tmp/base"); base.execute("pragma journal_mode=wal"); base.execute("create table t(a)")
    base.executemany("insert into t values(?)", [(n,) for n in range(100)]); base.commit()
    print("sqlite", base.execute("select sum(a) from t").fetchone()[0])
    signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
    server = socket.create_server(("127.0.0.1", 0)); client = socket.create_connection(server.getsockname())
    six = socket.create_server(("::1", 0), family=socket.AF_INET6); print("sockets", len(socket.if_nameindex()) > 0)
    file = tempfile.TemporaryFile(); file.write(b"x" * 4096); file.flush(); fcntl.lockf(file, fcntl.LOCK_EX)
    print("map", mmap.mmap(file.fileno(), 4096)[:2]); memfd = os.memfd_create("m"); os.write(memfd, b"x")
    poll = select.epoll(); poll.register(client); print("pidfd", os.pidfd_open(os.getpid()) > 0)
    other = tempfile.TemporaryFile()
    os.sched_setaffinity(0, os.sched_getaffinity(0)); os.copy_file_range(file.fileno(), other.fileno(), 10, 0)
    print("ctypes", ctypes.CDLL(None).getpid() == os.getpid(), os.getrandom(4) != b"")
"#,
    );
    let said = scene.kakuri(["--bind", "all.py:/all.py:ro", "python3", "/all.py"]).output().ok().text();
    let expected = "fork 328350\nspawn 328350\nforkserver 328350\nshared 42\nqueue True\nmanager {'a': 1}\nthreads 328350\n\
                    child TEXT\nasync\nsqlite 4950\nsockets True\nmap b'xx'\npidfd True\nctypes True True";
    assert_eq!(said, expected);
}

#[test]
fn python_in_an_environment_of_its_own() {
    need!("python3");
    let scene = Scene::new();
    let script = "python3 -m venv --without-pip own; own/bin/python -c 'import sys; print(sys.prefix)'";
    assert_eq!(bash(&scene, &[], script), "/tmp/own");
}

#[test]
fn perl() {
    need!("perl");
    let scene = Scene::new();
    let script = r#"perl -MSocket -MPOSIX -MFile::Temp=tempfile -e '
        socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die;
        if (!fork) { syswrite $b, "from the child"; POSIX::_exit(3) }
        sysread $a, my $said, 100; wait; print "$said ", $? >> 8, "\n";
        open my $pipe, "-|", "echo", "piped" or die; print <$pipe>; my ($file) = tempfile(UNLINK => 1); print $file "x";
        local $SIG{ALRM} = sub { print "alarm\n" }; POSIX::alarm(1); POSIX::pause();'"#;
    assert_eq!(bash(&scene, &[], script), "from the child 3\npiped\nalarm");
}

#[test]
fn node_with_workers_and_children() {
    need!("node");
    let scene = Scene::new();
    scene.file(
        "all.js",
        r#"
const { Worker, isMainThread, parentPort } = require("worker_threads");
const fs = require("fs"), child = require("child_process"), net = require("net"), crypto = require("crypto");
if (!isMainThread) { parentPort.postMessage(42); } else {
  new Worker(__filename).once("message", async answer => {
    console.log("worker", answer);
    console.log(child.execFileSync("tr", ["a-z", "A-Z"], { input: "child" }).toString());
    await fs.promises.writeFile("/tmp/file", "text");
    console.log("file", await fs.promises.readFile("/tmp/file", "utf8"), crypto.randomBytes(4).length);
    const server = net.createServer(socket => socket.end("served")).listen(0, "127.0.0.1", () =>
      net.connect(server.address().port, "127.0.0.1").on("data", data => { console.log(data.toString()); server.close(); }));
  });
}
"#,
    );
    let said = scene.kakuri(["--bind", "all.js:/all.js:ro", "node", "/all.js"]).output().ok().text();
    assert_eq!(said, "worker 42\nCHILD\nfile text 4\nserved");
}

#[test]
fn java_with_threads_and_children() {
    need!("java");
    let scene = Scene::new();
    scene.file(
        "All.java",
        r#"
import java.nio.file.*;
import java.util.stream.*;
public class All {
    public static void main(String[] words) throws Exception {
        System.out.println(IntStream.range(0, 1000).parallel().sum());
        Thread thread = new Thread(() -> System.out.println("thread")); thread.start(); thread.join();
        Process child = new ProcessBuilder("echo", "child").start();
        System.out.print(new String(child.getInputStream().readAllBytes()));
        Files.writeString(Path.of("/tmp/file"), "text"); System.out.println(Files.readString(Path.of("/tmp/file")));
    }
}
"#,
    );
    let words = ["--bind", "All.java:/All.java:ro", "java", "-Xmx256m", "/All.java"];
    let said = scene.kakuri(words).limit(crate::common::HANG * 2).output();
    if said.err().contains("release version") || said.err().contains("jdk.compiler") {
        return crate::common::skip("programs::languages: this java has no compiler");
    }
    assert_eq!(said.ok().text(), "499500\nthread\nchild\ntext");
}

#[test]
fn go() {
    need!("go");
    let scene = Scene::new();
    let source = "package main\nimport (\"fmt\"; \"os/exec\")\nfunc main() {\n\tall := make(chan int)\n\
        \tfor n := 0; n < 100; n++ { go func(n int) { all <- n }(n) }\n\tsum := 0\n\tfor n := 0; n < 100; n++ { sum += <-all }\n\
        \tsaid, err := exec.Command(\"echo\", \"child\").Output()\n\tfmt.Print(sum, \" \", string(said), err, \"\\n\")\n}\n";
    scene.file("all.go", source);
    let words = [
        "--bind",
        "all.go:/tmp/all.go:ro",
        "-e",
        "GOCACHE=/tmp/cache",
        "-e",
        "GOFLAGS=-mod=mod",
        "go",
        "run",
        "/tmp/all.go",
    ];
    let said = scene.kakuri(words).limit(crate::common::HANG * 3).output().ok().text();
    assert_eq!(said, "4950 child\n<nil>");
}

/// Without its own sandbox, and with it, as nobody's root, in a container that may make namespaces: the page is written by a script of its own.
#[test]
fn chromium_without_a_display() {
    need!("chromium");
    let scene = Scene::new();
    scene.file(
        "page.html",
        "<p id=p>no</p><script>document.getElementById('p').textContent = 'script ' + 6 * 7</script>",
    );
    for (container, own) in [(&[][..], &["--no-sandbox"][..]), (&["--nest", "--user"], &[])] {
        let usual = ["--headless", "--disable-gpu", "--no-first-run", "--user-data-dir=/tmp/chromium", "--dump-dom"];
        let words = container.iter().chain(&["--bind", "page.html:/page.html:ro", "--", "chromium"]).chain(own);
        let said = scene.kakuri(words.chain(&usual).chain(&["file:///page.html"]));
        let said = said.limit(crate::common::HANG * 3).output().ok();
        assert!(said.text().contains("script 42"), "{said}");
    }
}
