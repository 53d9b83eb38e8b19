//! Content digests (OCI image-spec, "Descriptor: Digests").

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A `sha256` digest in its canonical form, `sha256:` and 64 lower-case hexadecimal digits.
///
/// Only `sha256` is known: every image that zot stores or mirrors for its owner uses it, and a digest of another
/// algorithm is better reported than half checked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// Why a text is no [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `sha256:` followed by 64 lower-case hexadecimal digits")]
pub struct NotADigest(pub String);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(&Sha256::digest(bytes))
    }

    /// The digest whose hash is already known, as a streaming reader computes it.
    #[must_use]
    pub fn from_hash(hash: &[u8]) -> Self {
        use fmt::Write as _;
        let mut text = String::from("sha256:");
        for byte in hash {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// Reads a digest in its canonical form.
    ///
    /// # Errors
    /// [`NotADigest`] for another algorithm, another length, upper-case or non-hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, NotADigest> {
        let canonical = text.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if canonical { Ok(Self(text.to_owned())) } else { Err(NotADigest(text.to_owned())) }
    }

    /// The whole text, `sha256:…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 hexadecimal digits alone, as a blob's file is called in an OCI layout.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// Enough of it for people to tell two apart.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[.."sha256:".len() + 12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_nothing_is_the_well_known_digest() {
        assert_eq!(Digest::of(b"").as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    proptest! {
        #[test]
        fn what_is_computed_parses(bytes: Vec<u8>) {
            let digest = Digest::of(&bytes);
            prop_assert_eq!(Digest::parse(digest.as_str()), Ok(digest));
        }

        #[test]
        fn upper_case_and_other_lengths_are_refused(bytes: Vec<u8>, cut in 0usize..71) {
            let digest = Digest::of(&bytes).to_string();
            prop_assert!(Digest::parse(&digest[..cut]).is_err());
            prop_assert!(Digest::parse(&digest.to_uppercase()).is_err());
        }
    }
}
