use http::Request;
use proptest::prelude::*;

use super::*;

const NOW: UnixTime = UnixTime(1_700_000_000);
const NONCE: &str = "0123456789abcdef";
const BODY: &[u8] = b"{\"text\":\"hello\"}";

fn secret() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

fn verifier() -> RequestVerifier {
    let mut names = Authorities::default();
    names.add("notes.example.org");
    RequestVerifier::new(names, UnixTime(NOW.0 - 1000))
}

fn target() -> Target {
    Target::new("PUT", "notes.example.org", "/v1/notes/7", Some("a=1"))
}

/// A request to `uri` with the given headers.
fn request(method: &str, host: &str, uri: &str, headers: &[(HeaderName, HeaderValue)]) -> Parts {
    let mut builder = Request::builder().method(method).uri(uri).header("host", host);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn to_target(headers: &[(HeaderName, HeaderValue)]) -> Parts {
    request("PUT", "notes.example.org", "/v1/notes/7?a=1", headers)
}

fn signed_at(now: UnixTime, nonce: &str) -> Parts {
    to_target(&sign_request(&secret(), &target(), BODY, now, nonce))
}

#[test]
fn a_signed_request_is_accepted_once_and_tells_its_signer() {
    let verifier = verifier();
    let request = signed_at(NOW, NONCE);
    let (signer, first) = verifier.verify(&request, BODY, NOW).unwrap();
    assert_eq!(verifier.verify(&request, BODY, NOW), Err(NonceError::Replayed.into()));
    let (same, second) = verifier.verify(&signed_at(NOW, "another-nonce-16"), BODY, NOW).unwrap();
    assert_eq!([signer, same], [secret().public(); 2]);
    assert!(first.created == NOW && second.created == NOW && first.mark != second.mark);
}

#[test]
fn a_request_moved_to_another_method_path_query_or_body_is_refused() {
    let headers = sign_request(&secret(), &target(), BODY, NOW, NONCE);
    let host = "notes.example.org";
    for (method, uri) in [
        ("DELETE", "/v1/notes/7?a=1"),
        ("PUT", "/v1/notes/8?a=1"),
        ("PUT", "/v1/notes/7?a=2"),
        ("PUT", "/v1/notes/7"),
    ] {
        let moved = request(method, host, uri, &headers);
        assert_eq!(verifier().verify(&moved, BODY, NOW), Err(Refusal::Mismatch), "{method} {uri}");
    }
    assert_eq!(verifier().verify(&to_target(&headers), b"{}", NOW), Err(Refusal::Digest));
}

#[test]
fn a_request_for_another_host_is_refused_even_if_it_names_this_one() {
    let elsewhere = Target { authority: "other.example.org".into(), ..target() };
    let headers = sign_request(&secret(), &elsewhere, BODY, NOW, NONCE);
    let honest = request("PUT", "other.example.org", "/v1/notes/7?a=1", &headers);
    assert_eq!(verifier().verify(&honest, BODY, NOW), Err(Refusal::Authority("other.example.org".into())));
    assert_eq!(verifier().verify(&to_target(&headers), BODY, NOW), Err(Refusal::Mismatch));
}

#[test]
fn a_signature_under_anothers_key_is_refused_and_uses_up_none_of_its_nonces() {
    let verifier = verifier();
    let mut headers = sign_request(&SecretKey::from_seed([8; 32]), &target(), BODY, NOW, NONCE);
    let victim = secret().public().to_string();
    let input =
        headers[1].1.to_str().unwrap().replace(&SecretKey::from_seed([8; 32]).public().to_string(), &victim);
    headers[1].1 = HeaderValue::try_from(input).unwrap();
    assert_eq!(verifier.verify(&to_target(&headers), BODY, NOW), Err(Refusal::Mismatch));
    assert!(verifier.verify(&signed_at(NOW, NONCE), BODY, NOW).is_ok());
}

#[test]
fn requests_from_far_past_or_future_are_refused_with_the_services_time() {
    let skew = CLOCK_SKEW.as_secs();
    let old = signed_at(UnixTime(NOW.0 - skew - 61), NONCE);
    assert!(matches!(verifier().verify(&old, BODY, NOW), Err(Refusal::Clock { direction: "before", .. })));
    let future = signed_at(UnixTime(NOW.0 + skew + 1), NONCE);
    let refusal = verifier().verify(&future, BODY, NOW).unwrap_err();
    assert_eq!(refusal, Refusal::Clock { apart: skew + 1, direction: "after", now: NOW.0 });
    assert_eq!(Problem::from(refusal).code, Code::ClockSkew);
    for tolerated in [NOW.0 - skew, NOW.0 + skew] {
        assert!(verifier().verify(&signed_at(UnixTime(tolerated), NONCE), BODY, NOW).is_ok());
    }
}

#[test]
fn a_request_from_before_the_services_start_is_refused_as_replayed() {
    let restarted = RequestVerifier::new(verifier().authorities, NOW);
    let captured = signed_at(UnixTime(NOW.0 - 1), NONCE);
    assert_eq!(restarted.verify(&captured, BODY, NOW), Err(NonceError::Replayed.into()));
    assert!(restarted.verify(&signed_at(NOW, NONCE), BODY, NOW).is_ok());
}

#[test]
fn a_signature_that_leaves_out_a_component_is_refused() {
    let digest = content_digest(BODY);
    let all = components(&target(), &digest);
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        let (name, _) = some.remove(left_out);
        let [input, signature] = sign(&secret(), &some, NOW, Some(NOW), Some(NONCE));
        let request = to_target(&[(CONTENT_DIGEST, digest.clone()), input, signature]);
        let verdict = verifier().verify(&request, BODY, NOW);
        assert!(matches!(verdict, Err(Refusal::Malformed(_))), "without {name}: {verdict:?}");
    }
}

#[test]
fn a_request_without_signature_expiry_or_nonce_is_refused() {
    assert_eq!(verifier().verify(&to_target(&[]), BODY, NOW), Err(Refusal::Unsigned));
    let digest = content_digest(BODY);
    let all = components(&target(), &digest);
    let late = NOW.plus(SIGNATURE_TTL).plus(std::time::Duration::from_secs(1));
    for (expires, nonce) in
        [(None, Some(NONCE)), (Some(NOW), None), (Some(late), Some(NONCE)), (Some(NOW), Some("short"))]
    {
        let [input, signature] = sign(&secret(), &all, NOW, expires, nonce);
        let request = to_target(&[(CONTENT_DIGEST, digest.clone()), input, signature]);
        assert!(
            matches!(verifier().verify(&request, BODY, NOW), Err(Refusal::Malformed(_))),
            "{expires:?} {nonce:?}"
        );
    }
}

#[test]
fn two_signatures_are_refused_in_one_header_and_in_two() {
    let [digest, input, signature] = sign_request(&secret(), &target(), BODY, NOW, NONCE);
    let twice = [digest.clone(), input.clone(), signature.clone(), input.clone(), signature.clone()];
    assert!(matches!(verifier().verify(&to_target(&twice), BODY, NOW), Err(Refusal::Malformed(_))));
    let join = |(name, value): (HeaderName, HeaderValue)| {
        let text = value.to_str().unwrap();
        (name, HeaderValue::try_from(format!("{text}, {}", text.replace("byway=", "other="))).unwrap())
    };
    let joined = [digest, join(input), join(signature)];
    assert!(matches!(verifier().verify(&to_target(&joined), BODY, NOW), Err(Refusal::Malformed(_))));
}

#[test]
fn parameters_that_could_be_read_in_two_ways_are_refused() {
    let [digest, input, signature] = sign_request(&secret(), &target(), BODY, NOW, NONCE);
    for (from, to) in [(";alg=", ";tag=\"x\";alg="), (";alg=", ";more=1;alg="), ("\" \"", "\"  \"")] {
        let altered = input.1.to_str().unwrap().replacen(from, to, 1);
        let altered = (input.0.clone(), HeaderValue::try_from(altered).unwrap());
        let request = to_target(&[digest.clone(), altered, signature.clone()]);
        assert!(verifier().verify(&request, BODY, NOW).is_err(), "{from} -> {to}");
    }
}

proptest! {
    #[test]
    fn no_header_makes_verification_panic(input in "[ -~]{0,120}", signature in "[ -~]{0,120}") {
        for (input, signature) in [(input.clone(), signature.clone()), (format!("byway=({input});created=1"), "byway=:AA==:".into())] {
            let headers = [
                ("signature-input", HeaderValue::try_from(input).unwrap()),
                ("signature", HeaderValue::try_from(signature).unwrap()),
            ];
            let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value));
            prop_assert!(verifier().verify(&to_target(&headers), BODY, NOW).is_err());
        }
    }
}
