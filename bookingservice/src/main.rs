use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "The booking service of MyEvents";
    chassis::binary::main(&bookingservice::DEFAULTS, about, bookingservice::start)
}
