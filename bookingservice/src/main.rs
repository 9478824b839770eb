use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Most of a request's time went into the system's allocator before.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let about = "The booking service of MyEvents";
    chassis::binary::main(&bookingservice::DEFAULTS, about, bookingservice::start)
}
