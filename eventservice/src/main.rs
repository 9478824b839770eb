use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "The event service of MyEvents";
    chassis::binary::main(&eventservice::DEFAULTS, about, eventservice::start)
}
