//! The calls of the kernel that have no safe form: two ioctls.

#![expect(unsafe_code, reason = "ioctls have no safe form")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc::c_int;

/// Bytes of a seed.
pub(super) const SEED: usize = 64;

/// `struct rand_pool_info` of the kernel with its buffer.
#[repr(C)]
struct Pool {
    /// Bits.
    entropy_count: c_int,
    /// Bytes.
    buf_size: c_int,
    buf: [u8; SEED],
}

mod calls {
    use super::{Pool, c_int};

    // EXT4_IOC_RESIZE_FS, and RNDADDENTROPY, whose number has the size of its first two fields in it.
    nix::ioctl_write_ptr!(resize, b'f', 16, u64);
    nix::ioctl_write_ptr_bad!(add_entropy, nix::request_code_write!(b'R', 3, size_of::<[c_int; 2]>()), Pool);
}

/// Gives an ext4 file system so many blocks, while it is mounted; the partition must have them. `mount` is its root.
pub(super) fn resize_ext4(mount: &File, blocks: u64) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the kernel only reads the number during the call.
    unsafe { calls::resize(mount.as_raw_fd(), &blocks) }.map(drop).map_err(io::Error::from)
}

/// Adds to the kernel's randomness and counts all of it. `random` is /dev/urandom.
pub(super) fn add_entropy(random: &File, seed: &[u8; SEED]) -> io::Result<()> {
    let pool = Pool { entropy_count: (SEED * 8) as c_int, buf_size: SEED as c_int, buf: *seed };
    // SAFETY: the descriptor is open, and the kernel only reads the structure, whose buffer is as long as it says.
    unsafe { calls::add_entropy(random.as_raw_fd(), &pool) }.map(drop).map_err(io::Error::from)
}
