//! Every bound of the program, in one place: no wait without a deadline, no body without a cap, no retry without a count.

use std::time::Duration;

/// How long a TCP connection and its TLS handshake may take.
pub const CONNECT: Duration = Duration::from_secs(5);

/// How long a look-up of a name that has not ended with the run is waited for.
pub const LOOK_UP: Duration = Duration::from_millis(200);

/// How long one exchange may take, from the first byte of the request to the last of the answer.
pub const EXCHANGE: Duration = Duration::from_secs(10);

/// How long a whole run may take unless the user says otherwise.
pub const RUN: Duration = Duration::from_secs(20);

/// How long the run in each lab of a self-test may take: there, a machine that is busy must not look like a saboteur that
/// got away.
pub const SELF_TEST_RUN: Duration = Duration::from_secs(90);

/// How many requests may be under way at once.
pub const REQUESTS_IN_FLIGHT: usize = 16;

/// The longest answer that is read where nothing else is known, in bytes; zot refuses manifests above the same size.
pub const BODY: u64 = 4 << 20;

/// How much of all answers together one run keeps, in bytes: real ones come to some hundred KiB.
pub const KEPT: u64 = 96 << 20;

/// How many values the JSON of an answer may have; of each, reading makes many times its length.
pub const VALUES: usize = 100_000;

/// The longest metrics that are read, in bytes.
pub const METRICS: u64 = 8 << 20;

/// How many lines of metrics are read; each becomes many times its length.
pub const METRIC_LINES: usize = 1 << 15;

/// The longest line of metrics that is looked through, in bytes.
pub const METRIC_LINE: usize = 16 << 10;

/// The longest page of an issuer that is read, in bytes.
pub const PAGE: u64 = 256 << 10;

/// How much of a blob is kept in memory; the rest is only hashed.
pub const BLOB_KEPT: usize = 16 << 10;

/// The largest layer that is read whole, in bytes; of a larger one only the header fields are compared.
pub const LAYER_READ: u64 = 32 << 20;

/// The largest layer that each persona reads whole, in bytes; it asks for a larger one with HEAD.
pub const PERSONA_LAYER_READ: u64 = 1 << 20;

/// How many bytes of a body stand in a report.
pub const EXCERPT: usize = 1024;

/// The longest time that can be asked for; more is a slip of the hand, and sums of such times cannot overflow.
pub const LONGEST_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a zot process or an embedded registry may take until it answers; less than [`RUN`], so that there is time
/// left to say what zot said.
pub const READY: Duration = Duration::from_secs(15);

/// How long to wait between two questions whether something is ready.
pub const POLL: Duration = Duration::from_millis(10);

/// How long a metric family that zot sets after its start may take to appear.
pub const SETTLE: Duration = Duration::from_secs(2);

/// How long to wait between two scrapes.
pub const SCRAPE: Duration = Duration::from_millis(100);

/// How long a zot process may take to end after it was asked to; then it is killed.
pub const STOP: Duration = Duration::from_secs(5);

/// How long the `zot verify` and `zot --version` commands may take.
pub const ZOT_COMMAND: Duration = Duration::from_secs(20);

/// How often a lab is started again on another port when somebody else took the first.
pub const PORT_ATTEMPTS: usize = 3;

/// How many labs a self-test runs at a time.
pub const LABS: usize = 2;

/// The longest secret that is certainly kept out of an excerpt, in bytes.
pub const SECRET: usize = 4096;

/// How many values met on the way, such as cookies, a redactor learns; those of the configuration do not count.
pub const MET: usize = 512;

/// How many of them under one name, so that one kind cannot crowd out the others.
pub const MET_OF_NAME: usize = 64;

/// The longest of them, and the longest name, in bytes.
pub const MET_LENGTH: usize = 1024;

/// How many lines of zot's log an error shows.
pub const LOG_LINES: usize = 8;

/// How long a key lasts that a run mints; it is revoked long before.
pub const KEY: Duration = Duration::from_secs(10 * 60);

/// How many pages an issuer may lead through until it sends the browser back.
pub const HOPS: usize = 8;

/// How long the keys last that are to expire while a run looks on: as long as the machine needs to use one first.
pub const SHORT_LIVES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_millis(1500),
    Duration::from_millis(4000),
    Duration::from_millis(8000),
];

/// How long the keys of a lab's people last: until long after the lab.
pub const LAB_KEY: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// From when on a key's end is near enough to say so.
pub const KEY_WARNING: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// How long after a refused write it is looked again whether it was done all the same; every run waits this long once.
pub const MOMENT: Duration = Duration::from_millis(60);

/// The longest name of a certificate that is told, in bytes.
pub const CERTIFICATE_NAME: usize = 200;

/// How many of its names are told.
pub const CERTIFICATE_NAMES: usize = 4;

/// From when on a certificate's end is near enough to say so.
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// From when on it is too near: over a weekend nobody renews it by hand.
pub const CERTIFICATE_END: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How large a layer is announced, and never sent, to see whether anything refuses it for its size, in bytes.
pub const LARGE_PUSH: u64 = 512 << 20;

/// How many redirects within a registry are followed where clients follow them.
pub const REDIRECTS: usize = 3;

/// The longest text that a packed answer may become, in bytes.
pub const UNPACKED: u64 = 4 << 20;

/// How many older tags are looked at before and after a push.
pub const OLD_TAGS: usize = 8;

/// How many pushes race for one tag.
pub const RACERS: usize = 8;

/// The longest manifest that is read, in bytes.
pub const MANIFEST: u64 = 4 << 20;

/// How much text of manifests is read, in bytes.
pub const MANIFESTS: u64 = 256 << 20;

/// How many files and directories are looked at in directories of manifests.
pub const MANIFEST_ENTRIES: usize = 50_000;

/// How deep directories of manifests are read.
pub const MANIFEST_DEPTH: usize = 32;

/// The stack of the thread that reads manifests, in bytes: 64 levels of YAML take 2 MiB in a debug build.
pub const READING_STACK: usize = 32 << 20;

/// How many pins of manifests are asked for.
pub const PINS: usize = 1000;

/// How many findings of a kind are told one by one.
pub const FINDINGS: usize = 10;

/// How many tags are named where none is near the one that was looked for.
pub const TAGS_NAMED: usize = 5;

/// How many bytes of what somebody wrote are shown of it.
pub const WRITTEN: usize = 200;

/// How long a run that has ended may take to revoke its keys and log out.
pub const LEAVE: Duration = Duration::from_secs(5);

/// How long a container engine may take to say who it is.
pub const ENGINE: Duration = Duration::from_secs(5);

/// How much is heard of what a zot command says on a stream, in bytes.
pub const ZOT_SAID: u64 = 1 << 20;

/// How young a directory may be whose maker has not locked it yet.
pub const NEWBORN: Duration = Duration::from_secs(2);

/// How long a container engine may take for one answer; an image of some megabytes is taken in within it.
pub const ENGINE_CALL: Duration = Duration::from_secs(30);

/// How long a reaper waits for an engine that does not answer, before it leaves its containers to the next run.
pub const ENGINE_AWAY: Duration = Duration::from_secs(20);

/// How long an engine may still be making what a run had asked for that was killed.
pub const STILL_MAKING: Duration = Duration::from_secs(1);

/// How long a reaper may take for everything: its programs, side by side, and then its containers.
pub const REAPER: Duration = Duration::from_secs(35);

/// After which time a lab of another machine is nobody's; no run lasts so long.
pub const ORPHANED: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// How many lines of a container's log are read.
pub const LOG_TAIL: &str = "200";

/// How much of a container's log is read, in bytes.
pub const LOG_READ: usize = 1 << 20;

/// The longest file with an OpenID client's credentials that is read, in bytes.
pub const CREDENTIALS: u64 = 64 << 10;

/// How much room zot's root directory needs for zot to start at all, in bytes; v2.1.20 needs 64 KiB.
pub const ROOM_TO_START: u64 = 1 << 20;

/// How little room in zot's root directory is told, in bytes: less than a few images need.
pub const ROOM_TO_WORK: u64 = 1 << 30;

/// How many repositories stand for all others in the matrix of an access policy.
pub const CLASSES: usize = 12;

/// How many cells of such a matrix each caller tries at a time: few, so that other checks get their turn.
pub const CELLS: usize = 3;
