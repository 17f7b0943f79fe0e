//! Every form in which a secret might be written, and the search for them.

use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256, Sha512};

/// Bytes of a form that are searched for: a part of a secret is as bad as all of it.
const PART: usize = 14;

/// The seed that a name stands for: known to the test, and like no other bytes.
pub(super) fn seed_of(name: &str) -> [u8; 32] {
    Sha256::digest(format!("the secret of {name}")).into()
}

/// What must be nowhere: whose it is, in which form, and its bytes.
pub(super) struct Forms(Vec<(String, &'static str, Vec<u8>)>);

impl Forms {
    /// The seeds of `names` and what is derived from them for signing, and a password.
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>, password: &str) -> Self {
        let mut forms = vec![("the database".to_owned(), "text", password.as_bytes().to_vec())];
        for name in names {
            let seed = seed_of(name);
            // The scalar and the prefix of RFC 8032, 5.1.5, as good as the seed.
            let expanded: [u8; 64] = Sha512::digest(seed).into();
            for secret in [&seed[..], &expanded[..32], &expanded[32..]] {
                forms.extend(written(secret).map(|(form, bytes)| (name.to_owned(), form, bytes)));
            }
        }
        Self(forms)
    }

    #[track_caller]
    pub(super) fn assert_absent_from(&self, place: &str, content: &[u8]) {
        for (name, form, bytes) in &self.0 {
            assert!(!contains(content, bytes), "the secret of {name} is written as {form} in {place}");
        }
    }
}

fn written(secret: &[u8]) -> [(&'static str, Vec<u8>); 9] {
    let list = format!("{secret:?}");
    let hex = HEXLOWER.encode(secret);
    let texts = [
        ("hexadecimal", hex.clone()),
        ("upper-case hexadecimal", hex.to_uppercase()),
        ("base32", BASE32_NOPAD.encode(secret)),
        ("lower-case base32", BASE32_NOPAD.encode(secret).to_lowercase()),
        ("base58", bs58::encode(secret).into_string()),
        ("base64", BASE64.encode(secret)),
        ("base64 for URLs", BASE64URL_NOPAD.encode(secret)),
        // Without the bracket, so that a longer list that holds it is found.
        ("a list of numbers", list[1..].to_owned()),
    ];
    let [a, b, c, d, e, f, g, h] = texts.map(|(form, text)| (form, text.into_bytes()[..PART].to_vec()));
    [("bytes", secret[..PART].to_vec()), a, b, c, d, e, f, g, h]
}

pub(super) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut from = 0;
    while let Some(found) = haystack[from..].iter().position(|byte| *byte == first) {
        if haystack[from + found..].starts_with(needle) {
            return true;
        }
        from += found + 1;
    }
    false
}

#[test]
fn a_secret_is_found_in_every_form() {
    let forms = Forms::of(["a"], "password");
    let seed = seed_of("a");
    let hidden = |text: &str| {
        let content = format!("some text {text} and more");
        std::panic::catch_unwind(|| forms.assert_absent_from("a test", content.as_bytes())).is_err()
    };
    assert!(!hidden("nothing"));
    let hex = HEXLOWER.encode(&seed);
    assert!(
        hidden(&hex) && hidden(&hex.to_uppercase()) && hidden(&format!("{seed:?}")) && hidden("password")
    );
    assert!(hidden(&BASE32_NOPAD.encode(&seed)) && hidden(&bs58::encode(&seed).into_string()));
    assert!(hidden(&BASE64.encode(&Sha512::digest(seed)[..32])));
}
