#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zot_verify::fuzzing::image(data));
