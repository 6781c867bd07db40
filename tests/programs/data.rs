//! What keeps data, and what serves it.

use crate::common::{HANG, Scene, skip};
use crate::{bash, need};

#[test]
fn sqlite_with_several_writers() {
    need!("sqlite3");
    let scene = Scene::new();
    let script = r#"
        sqlite3 base 'pragma journal_mode=wal; create table t(a);'
        for n in 1 2 3 4; do (for m in $(seq 20); do sqlite3 -cmd '.timeout 60000' base "insert into t values($m);"; done) & done; wait
        sqlite3 base 'pragma integrity_check; select count(*), sum(a) from t; vacuum;'
    "#;
    assert_eq!(bash(&scene, &[], script), "wal\nok\n80|840");
}

#[test]
fn redis_at_a_socket() {
    need!("redis-server", "redis-cli");
    let scene = Scene::new();
    let script = r#"
        redis-server --port 0 --unixsocket /tmp/socket --dir /tmp --daemonize yes --logfile /tmp/log --save '' >/dev/null
        until redis-cli -s socket ping >/dev/null 2>&1; do sleep 0.05; done
        redis-cli -s socket set key value; redis-cli -s socket get key; redis-cli -s socket save
        redis-cli -s socket shutdown nosave || true; ls dump.rdb
    "#;
    assert_eq!(bash(&scene, &[], script), "OK\nvalue\nOK\ndump.rdb");
}

/// It refuses to be root, so it needs a user of its own.
#[test]
fn postgres_as_a_user() {
    let folder = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|v| v.path().join("bin"));
    let Some(folder) = folder.into_iter().find(|folder| folder.join("initdb").exists()) else {
        return skip("programs::data: postgres is not installed");
    };
    let Some(_) = crate::common::sub_ids("programs::data::postgres_as_a_user") else { return };
    let scene = Scene::new();
    let script = "set -e; cd /tmp; PATH=$0:$PATH; initdb -D data -A trust -N >/dev/null; \
        pg_ctl -D data -o \"-k /tmp -h '' -F\" -l log -w start >/dev/null; \
        psql -h /tmp -d postgres -Atc 'create table t as select generate_series(1, 100) a; select sum(a) from t'; \
        pg_ctl -D data -w -m fast stop >/dev/null";
    let words = ["--userns", "range", "-u", "1000:1000", "--", "sh", "-c", script, folder.to_str().unwrap()];
    let said = scene.kakuri(words).limit(HANG * 2).output().ok();
    assert!(said.text().ends_with("5050"), "{said}");
}
