//! Programs that are given as a zot and do not do as zot does.

use crate::house::{House, assert_told};

#[test]
fn a_zot_that_refuses_its_configuration_is_quoted() {
    let house = House::new();
    house.file("config.json", "{}\n");
    // As zot v2.1.20 says it (recorded).
    house.zot(
        "zot",
        r#"echo '{"level":"info","message":"configuration settings"}'
           echo '{"level":"error","error":"decoding failed: '"'HTTP'"' has invalid keys: adress","message":"failed to unmarshal new config"}'
           exit 1"#,
    );
    assert_told!(house.refused(3, &["local --zot ./zot --config config.json", "local --zot ./zot"]));
}

#[test]
fn a_zot_that_ends_at_once_is_not_ready() {
    let house = House::new();
    house.zot("says-nothing", "exit 0");
    house.zot("panics", "echo 'panic: assignment to entry in nil map'; echo 'goroutine 1 [running]:'; exit 2");
    house.zot("kills-itself", "kill -9 $$");
    let lines = ["says-nothing", "panics", "kills-itself"].map(|name| format!("local --zot ./{name} --json r.json"));
    assert_told!(house.refused(3, &lines.each_ref().map(String::as_str)));
}

#[test]
fn a_zot_that_never_gets_ready_is_given_up_in_time() {
    let house = House::new();
    // Its words are not compared: nobody holds the lab's port, so anybody on this machine may answer there.
    house.zot("serves-nothing", "exec sleep 1000");
    house.refused(3, &["local --zot ./serves-nothing --timeout 1s"]);
    house.program("never-ends", "exec sleep 1000");
    assert_told!(house.refused(3, &["local --zot ./never-ends --timeout 1s"]));
}

#[test]
fn a_taken_port_is_tried_elsewhere_a_few_times() {
    let house = House::new();
    let words =
        r#"{"level":"error","error":"listen tcp 127.0.0.1:5000: bind: address already in use","message":"failed"}"#;
    house.zot("zot", &format!("echo '{words}'; echo . >> {}; exit 0", house.work().join("attempts").display()));
    house.file("attempts", "");
    assert_told!(house.run("local --zot ./zot").err);
    assert_eq!(std::fs::read_to_string(house.work().join("attempts")).unwrap(), ".\n.\n.\n");
}

#[test]
fn what_is_no_zot_for_this_machine() {
    let house = House::new();
    house.zot("zot", "");
    house.file("zot", "\u{7f}no program");
    assert_told!(house.refused(3, &["local --zot ./zot"]));
}

#[test]
fn what_is_no_caddy() {
    let house = House::new();
    assert_told!(house.refused(3, &["local --zot embedded --caddy"]));
    std::fs::create_dir(house.work().join("silent")).unwrap();
    // As caddy v2.6.2 says it (recorded).
    house.program(
        "caddy",
        "echo 'Error: adapting config using caddyfile: Caddyfile:4: unrecognized global option: x'; exit 1",
    );
    house.program("silent/caddy", "exit 3");
    assert_told!(
        house.refused(3, &["PATH=. local --zot embedded --caddy", "PATH=silent local --zot embedded --caddy"])
    );
}
