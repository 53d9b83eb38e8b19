//! Everything that the checks find in a lab.

use std::io;

use zot_verify_model::ZotConfig;
use zot_verify_model::image::Index;
use zot_verify_model::layout::{Content, Seed};

use crate::checks::{admin, immutable, inventory, kinds, matrix, mirror, new_tags, push, push_key, race};
use crate::policy::intended::Intended;
use crate::target::ImageName;

/// The image that a lab's registry serves to anybody.
const PULLED: (&str, &str) = ("zot-verify/pull", "v1");

/// The image that a lab's registry serves to anybody.
pub(super) fn pulled() -> ImageName {
    let (repository, tag) = PULLED;
    ImageName { repository: repository.into(), reference: tag.into() }
}

/// Everything that the checks find in a lab.
pub(super) fn seeds(config: &ZotConfig, intended: &Intended) -> io::Result<Vec<Seed>> {
    let (repository, tag) = PULLED;
    let pulled = Seed {
        repository: repository.into(),
        tags: vec![(tag.into(), Content::Index(Index::build(repository)?))],
        ..Seed::default()
    };
    let of_checks = [
        push::seeds()?,
        push_key::seeds()?,
        new_tags::seeds()?,
        immutable::seeds()?,
        kinds::seeds()?,
        race::seeds()?,
        admin::seeds()?,
        matrix::seeds(config, intended)?,
        inventory::lab::seeds()?,
    ];
    Ok([pulled, mirror::seed()?].into_iter().chain(of_checks.into_iter().flatten()).collect())
}
