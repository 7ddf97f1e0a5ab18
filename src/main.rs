//! The program. Everything is in the library, so that tests and tools use the same code.

fn main() -> std::process::ExitCode {
    pillarbox::cli::main()
}
