//! The resolver against name servers that answer rightly, wrongly, late and not at all.

#[path = "../peers/dns.rs"]
mod peer;
mod probe;
mod resolver;

fn run<T>(work: impl Future<Output = T>) -> T {
    smol::block_on(work)
}
