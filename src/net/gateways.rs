//! The default gateways of this host ("routers"): what a router forwards can look as if it came from the router itself.
//!
//! Read from the kernel's routing tables, `/proc/net/route` and `/proc/net/ipv6_route`, at most every 30 s: a DHCP lease
//! may change them. A host without such files has no routers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const AGE: Duration = Duration::from_secs(30);
/// `RTF_UP` and `RTF_GATEWAY` of the kernel's routes.
const USED: u32 = 0x1 | 0x2;

/// Whether `address` is that of a default gateway.
pub fn is_router(address: IpAddr) -> bool {
    static KNOWN: Mutex<Option<(Instant, Vec<IpAddr>)>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let routers = match &mut *known {
        Some((read_at, routers)) if read_at.elapsed() < AGE => routers,
        stale => &mut stale.insert((Instant::now(), routers())).1,
    };
    routers.contains(&address.to_canonical())
}

fn routers() -> Vec<IpAddr> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let mut all: Vec<IpAddr> = read("/proc/net/route").lines().filter_map(v4).collect();
    all.extend(read("/proc/net/ipv6_route").lines().filter_map(v6));
    all
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers in hex as they lie in memory.
fn v4(line: &str) -> Option<IpAddr> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word| u32::from_str_radix(word, 16).ok());
    let (destination, gateway, flags, mask) = (number(1)?, number(2)?, number(3)?, number(7)?);
    let is_default = destination == 0 && mask == 0 && flags & USED == USED && gateway != 0;
    is_default.then(|| Ipv4Addr::from(gateway.to_ne_bytes()).into())
}

/// `destination prefix source prefix gateway metric references use flags interface`, addresses in hex.
fn v6(line: &str) -> Option<IpAddr> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word| u128::from_str_radix(word, 16).ok());
    let (destination, prefix, gateway, flags) = (number(0)?, number(1)?, number(4)?, number(8)?);
    let used = flags & u128::from(USED) == u128::from(USED);
    (destination == 0 && prefix == 0 && used && gateway != 0).then(|| Ipv6Addr::from_bits(gateway).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_routes_are_read_and_others_are_not() {
        let gateway = u32::from_ne_bytes([192, 168, 1, 254]);
        let line = format!("eth0\t00000000\t{gateway:08X}\t0003\t0\t0\t100\t00000000\t0\t0\t0");
        assert_eq!(v4(&line), Some("192.168.1.254".parse().unwrap()));
        for other in [
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
            "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0",
            "eth0\t0000000A\tFE01A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0",
            "",
        ] {
            assert_eq!(v4(other), None, "{other}");
        }
        let zero = "0".repeat(32);
        let line =
            format!("{zero} 00 {zero} 00 fe80000000000000000000000000 0001 00000064 00000001 00000000 00000003 eth0")
                .replace("0000 0001", "00000001");
        assert_eq!(v6(&line), Some("fe80::1".parse().unwrap()));
        assert_eq!(v6(&line.replace("00000003", "00200001")), None);
    }
}
