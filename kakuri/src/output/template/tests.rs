use super::Template;
use serde_json::{Value, json};

fn value() -> Value {
    json!({"Names": "web", "Pid": 7, "State": {"Running": true, "Error": null}, "Mounts": ["/a", "/b"], "Nets": {"x.y": 1}})
}

fn made(template: &str) -> Result<String, String> {
    let template = Template::parse(template).map_err(|f| f.to_string())?;
    template.one(&value()).map_err(|f| f.to_string())
}

#[test]
fn what_docker_users_type() {
    for (template, want) in [
        ("{{.Names}}", "web"),
        (r"{{.Names}}\t{{.State.Running}}\n", "web\ttrue\n"),
        ("{{json .State}}", r#"{"Error":null,"Running":true}"#),
        ("{{json .Mounts}}", r#"["/a","/b"]"#),
        ("{{.Mounts}} {{.Nets}}", "[/a /b] map[x.y:1]"),
        (r#"{{join .Mounts ","}}"#, "/a,/b"),
        (r#"{{.Mounts | json | len}}"#, "11"),
        ("{{upper .Names}}{{lower \"ABC\"}}{{title .Names}}{{len .Mounts}}", "WEBabcWeb2"),
        ("{{range .Mounts}}<{{.}} {{$.Names}}>{{end}}", "</a web></b web>"),
        ("{{range .State.Error}}x{{else}}none{{end}}", "none"),
        ("{{range .Mounts}}{{println .}}{{end}}", "/a\n/b\n"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if eq .Pid 7}}{{if not .State.Error}}both{{end}}{{end}}", "both"),
        ("{{with .State}}{{.Running}}{{end}}", "true"),
        (r#"{{index .Nets "x.y"}}{{index .Mounts 1}}{{index .Nets "z"}}"#, "1/b"),
        (r#"a{{"\t"}}b{{`}}`}}{{"}}"}}"#, "a\tb}}}}"),
        ("a {{- .Pid -}} b", "a7b"),
        ("{{/* nothing */}}{{(index .Mounts 0)}}{{print .Pid 1}}", "/a7 1"),
        ("{{.State.Error}}|{{.State.Error.More}}", "|"),
        ("no braces } {", "no braces } {"),
    ] {
        assert_eq!(made(template).as_deref(), Ok(want), "{template}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (template, words) in [
        ("{{.Nmes}}", "no field '.Nmes'; there are Mounts Names Nets Pid State"),
        ("{{.State.Runing}}", "no field '.State.Runing'; there are Error Running"),
        ("{{.Names.X}}", "'.Names' has no fields"),
        ("{{.Names", "'{{' has no '}}'"),
        ("{{Names}}", "no function 'Names'"),
        ("{{if .Pid}}", "no {{end}}"),
        ("{{if .Pid}}{{else}}", "no {{end}}"),
        ("{{end}}", "without"),
        ("{{}}", "a value is missing"),
        ("{{json}}", "json takes a value"),
        ("{{range .Names}}{{end}}", "over a list"),
        ("{{range $k, $v := .Nets}}{{end}}", "variables"),
        ("{{.Pid .Names}}", "a function stands first"),
        ("{{index .Mounts 9}}", "nothing at index 9"),
        ("{{..}}", "is no field"),
        ("{{(.Pid}}", "has no ')'"),
        ("{{.Pid)}}", "makes no sense"),
        ("{{\"\\x\"}}", "is no string"),
        (&"{{if .Pid}}".repeat(100_000), "nested too deeply"),
        (&format!("{{{{{}}}}}", "(".repeat(100_000)), "nested too deeply"),
    ] {
        let fail = made(template).expect_err(template);
        assert!(fail.contains(words), "{template}: {fail}");
    }
}

#[test]
fn a_table_has_a_head() {
    let template = Template::parse(r"table {{.Names}}\t{{upper .Pid}}\t{{.State.Running}}").expect("parses");
    let text = template.all(&[value()], &[("Names", "NAMES"), ("Pid", "PID")], false).expect("runs");
    assert_eq!(text, "NAMES   PID   RUNNING\nweb     7     true\n");
    let text = Template::parse("{{.Pid}}").expect("parses").all(&[value(), value()], &[], false).expect("runs");
    assert_eq!(text, "7\n7\n");
}

#[test]
fn fields_are_checked_without_a_value() {
    let check = |template: &str| Template::parse(template).and_then(|t| t.check(&value())).map_err(|f| f.to_string());
    for template in
        ["{{.Names}}{{.State.Any}}", "{{range .Mounts}}{{.Any}}{{$.Pid}}{{else}}{{.Pid}}{{end}}", "{{.}}{{$}}"]
    {
        assert_eq!(check(template), Ok(()), "{template}");
    }
    for template in [
        "{{.X}}",
        "{{upper .X}}",
        "{{.Pid | eq .X}}",
        "{{(index .X 0).Any}}",
        "{{if .X}}{{end}}",
        "{{if .Pid}}{{else}}{{.X}}{{end}}",
        "{{range .Mounts}}{{$.X}}{{end}}",
        "{{with .X}}{{end}}",
        "{{with .Pid}}{{.Any}}{{else}}{{.X}}{{end}}",
    ] {
        assert!(check(template).is_err_and(|why| why.contains("no field '.X'")), "{template}");
    }
}
