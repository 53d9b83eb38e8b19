use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zot_verify_model::Secret;

use super::*;

async fn server(answer: ResponseTemplate) -> (MockServer, Wire) {
    zot_verify_fixtures::crypto::install();
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/v2/")).respond_with(answer).mount(&server).await;
    let wire = wire_to(&server.uri());
    (server, wire)
}

fn wire_to(url: &str) -> Wire {
    Wire::new(Url::parse(url).unwrap(), "run-1", Redactor::new(), &Trust::default(), false).unwrap()
}

#[tokio::test]
async fn every_request_names_the_run_and_the_program_unless_a_persona_is_played() {
    let (server, wire) = server(ResponseTemplate::new(200)).await;
    wire.send(Request::get("/v2/")).await.unwrap();
    wire.send(persona::DOCKER.ping()).await.unwrap();
    let sent = server.received_requests().await.unwrap();
    let agents: Vec<_> = sent.iter().map(|request| request.headers["user-agent"].to_str().unwrap()).collect();
    assert_eq!(agents, [OWN_AGENT, persona::DOCKER.agent]);
    assert!(sent.iter().all(|request| request.headers["x-zot-verify-run"] == "run-1"));
    assert_eq!((wire.requests(), wire.fresh().requests(), wire.fresh().transcript().len()), (2, 2, 0));
}

#[tokio::test]
async fn redirects_are_not_followed_and_bodies_are_not_changed() {
    let answer = ResponseTemplate::new(302).insert_header("location", "/v2/elsewhere").set_body_string("moved");
    let (_server, wire) = server(answer).await;
    let exchange = wire.send(Request::get("/v2/")).await.unwrap();
    assert_eq!((exchange.status(), exchange.header("location")), (302, Some("/v2/elsewhere")));
    assert_eq!((exchange.text(), exchange.digest()), (Some("moved"), &Digest::of(b"moved")));
}

#[tokio::test]
async fn a_streamed_body_is_hashed_whole_and_kept_in_part() {
    let long = vec![b'x'; bounds::BLOB_KEPT * 3];
    let (_server, wire) = server(ResponseTemplate::new(200).set_body_bytes(long.clone())).await;
    let exchange = wire.send(Request::get("/v2/").streamed(long.len() as u64)).await.unwrap();
    assert_eq!((exchange.digest(), exchange.length()), (&Digest::of(&long), long.len() as u64));
    assert_eq!(exchange.text(), None, "a part is not the whole");
}

#[tokio::test]
async fn a_body_beyond_its_cap_is_a_broken_answer() {
    let (_server, wire) = server(ResponseTemplate::new(200).set_body_string("12345")).await;
    let error = wire.send(Request::get("/v2/").streamed(4)).await.unwrap_err();
    assert!(matches!(error, WireError::Body { status: 200, body: BodyError::TooLong(4), .. }), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_no_answer() {
    zot_verify_fixtures::crypto::install();
    let free = zot_verify_fixtures::Port::bind().await.unwrap().url();
    let error = wire_to(&free).send(Request::get("/v2/")).await.unwrap_err();
    assert!(matches!(error, WireError::NoAnswer { silence: Silence::Refused, .. }), "{error}");
}

#[tokio::test]
async fn paths_are_resolved_below_the_registrys_own() {
    let url = Url::parse("http://r.test/base/").unwrap();
    assert_eq!(resolve(&url, "/v2/a?b=c").as_str(), "http://r.test/base/v2/a?b=c");
}

#[tokio::test]
async fn what_is_met_on_the_way_is_a_secret_from_birth() {
    let answer = ResponseTemplate::new(200)
        .append_header("set-cookie", "session=canary-cookie-1; Path=/")
        .append_header("location", "http://i.test/auth?state=canary-state-1&code=canary-code-1")
        .set_body_string(r#"{"apiKey":"canary-key-1","id_token":"canary-token-1"}"#);
    let (_server, wire) = server(answer).await;
    let exchange = wire.send(Request::get("/v2/")).await.unwrap();
    let later = wire.redactor().redact(
        "canary-cookie-1 canary-state-1 canary-code-1 canary-key-1 canary-token-1 Y2FuYXJ5LWtleS0x canary%2Dkey%2D1",
    );
    let evidence = serde_json::to_string(&exchange.evidence(wire.redactor())).unwrap();
    assert!(!later.contains("canary") && !later.contains("Y2FuY"), "{later}");
    assert!(!evidence.contains("canary-"), "{evidence}");
}

#[tokio::test]
async fn a_secret_that_the_cut_of_an_excerpt_would_split_is_not_shown() {
    let secret = "s3cret-".repeat(9);
    for before in [bounds::EXCERPT - 5, bounds::EXCERPT + bounds::SECRET - 5] {
        let body = format!("{}{secret}{}", ".".repeat(before), "!".repeat(bounds::SECRET));
        let (_server, wire) = server(ResponseTemplate::new(200).set_body_string(body)).await;
        wire.redactor().learn(&Secret::new("key", secret.as_str()));
        let exchange = wire.send(Request::get("/v2/")).await.unwrap();
        let shown = exchange.evidence(wire.redactor()).body_excerpt;
        assert!(!shown.contains("s3c") && shown.len() <= bounds::EXCERPT, "{shown}");
    }
}

#[tokio::test]
async fn a_curl_line_repeats_the_request_and_names_secrets() {
    let (_server, wire) = server(ResponseTemplate::new(200)).await;
    wire.redactor().learn(&Secret::new("KEY", "hunter22"));
    let request = Request::get("/v2/?token=hunter22").header("accept", "a/b").header("authorization", "Basic Og==");
    let exchange = wire.send(request).await.unwrap();
    let curl = exchange.evidence(wire.redactor()).curl.replace(wire.registry().as_str(), "http://r/");
    insta::assert_snapshot!(
        curl,
        @"curl -sS -i -H 'accept: a/b' -H 'authorization: Basic [credentials]' 'http://r/v2/?token=[KEY]'"
    );
}
