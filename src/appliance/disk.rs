//! The data partition takes all of the card: first its entry in the partition table, before it is mounted, then the file
//! system, while it is. Both do nothing where nothing is to be done, and never make anything smaller.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::kernel;

const SECTOR: u64 = 512;
/// Partitions begin and end on these: 1 MiB.
const ALIGNMENT: u32 = 2048;
const TABLE: usize = 446;
const ENTRY: usize = 16;

/// Lets partition `number` (1 to 4) of the disk reach to its end. It must be the last on it, and of Linux.
pub fn widen(disk: &Path, number: usize) -> io::Result<bool> {
    let mut disk = OpenOptions::new().read(true).write(true).open(disk)?;
    let sectors = disk.seek(SeekFrom::End(0))? / SECTOR;
    let mut first = [0; SECTOR as usize];
    disk.seek(SeekFrom::Start(0))?;
    disk.read_exact(&mut first)?;
    let Some(new) = widened(&first, number, sectors)? else { return Ok(false) };
    // One sector: a power cut leaves the old or the new table.
    disk.seek(SeekFrom::Start(0))?;
    disk.write_all(&new)?;
    disk.sync_all()?;
    Ok(true)
}

fn widened(first: &[u8; 512], number: usize, sectors: u64) -> io::Result<Option<[u8; 512]>> {
    let wrong = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidData, text));
    if first.get(510..) != Some(&[0x55, 0xaa]) {
        return wrong("the disk has no partition table");
    }
    let entries: Vec<Entry> = (0..4).filter_map(|index| Entry::read(first, TABLE + index * ENTRY)).collect();
    let Some(entry) = number.checked_sub(1).and_then(|index| entries.get(index)) else {
        return wrong("no such partition");
    };
    if entry.kind != 0x83 || entries.iter().any(|other| other.kind != 0 && other.start > entry.start) {
        return wrong("this is not a Linux partition at the end of the disk");
    }
    let room = sectors.saturating_sub(u64::from(entry.start));
    let room = u32::try_from(room).unwrap_or(u32::MAX) / ALIGNMENT * ALIGNMENT;
    if room <= entry.sectors {
        return Ok(None);
    }
    let mut new = *first;
    let at = TABLE + (number - 1) * ENTRY + 12;
    for (byte, value) in new.iter_mut().skip(at).zip(room.to_le_bytes()) {
        *byte = value;
    }
    Ok(Some(new))
}

struct Entry {
    kind: u8,
    start: u32,
    sectors: u32,
}

impl Entry {
    fn read(table: &[u8; 512], at: usize) -> Option<Entry> {
        let number = |from: usize| Some(u32::from_le_bytes(*table.get(at + from..)?.first_chunk()?));
        Some(Entry { kind: *table.get(at + 4)?, start: number(8)?, sectors: number(12)? })
    }
}

/// Lets the ext4 file system mounted at `mount` fill its partition.
pub fn grow(mount: &Path) -> io::Result<bool> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    let Some(device) = device_of(&mounts, mount) else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "nothing is mounted there"));
    };
    let about = statvfs(mount)?;
    let (block, now) = (about.block_size() as u64, about.blocks() as u64);
    let blocks = File::open(device)?.seek(SeekFrom::End(0))? / block.max(1);
    // Some of the blocks are the file system's own, and are not counted: so much more must be there to be worth a call.
    if blocks <= now + now / 16 + 4096 {
        return Ok(false);
    }
    kernel::resize_ext4(&File::open(mount)?, blocks)?;
    Ok(true)
}

fn device_of<'a>(mounts: &'a str, mount: &Path) -> Option<&'a str> {
    mounts.lines().rev().find_map(|line| {
        let mut words = line.split(' ');
        let (device, at) = (words.next()?, words.next()?);
        (Path::new(at) == mount).then_some(device)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type, start, length.
    fn table(entries: &[(u8, u32, u32)]) -> [u8; 512] {
        let mut sector = [0; 512];
        for (index, (kind, start, sectors)) in entries.iter().enumerate() {
            let at = TABLE + index * ENTRY;
            sector[at + 4] = *kind;
            sector[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
            sector[at + 12..at + 16].copy_from_slice(&sectors.to_le_bytes());
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    const OURS: [(u8, u32, u32); 2] = [(0x0c, 8192, 196_608), (0x83, 204_800, 393_216)];

    #[test]
    fn the_last_partition_reaches_to_the_end() {
        let sectors = 31_116_288;
        let new = widened(&table(&OURS), 2, sectors).unwrap().unwrap();
        let room = 31_116_288 - 204_800;
        assert_eq!(new, table(&[OURS[0], (0x83, 204_800, room / 2048 * 2048)]));
        assert_eq!(widened(&new, 2, sectors).unwrap(), None, "once is enough");
    }

    #[test]
    fn nothing_gets_smaller_or_overflows() {
        assert_eq!(widened(&table(&OURS), 2, 204_800 + 393_216).unwrap(), None, "the image itself");
        assert_eq!(widened(&table(&OURS), 2, 1000).unwrap(), None, "a card too small");
        let new = widened(&table(&OURS), 2, u64::MAX).unwrap().unwrap();
        assert_eq!(Entry::read(&new, TABLE + ENTRY).unwrap().sectors, u32::MAX / 2048 * 2048);
    }

    #[test]
    fn disks_that_are_not_ours() {
        let sectors = 1 << 24;
        for (what, table, number) in [
            ("no table", [0; 512], 2),
            ("not Linux", table(&OURS), 1),
            ("no such", table(&OURS), 0),
            ("no such", table(&OURS), 5),
            ("empty", table(&OURS), 3),
            ("not the last", table(&[OURS[0], OURS[1], (0x83, 700_000, 2048)]), 2),
        ] {
            assert!(widened(&table, number, sectors).is_err(), "{what}");
        }
    }

    #[test]
    fn a_disk_is_widened_in_place() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&table(&OURS)).unwrap();
        file.as_file().set_len(1 << 30).unwrap();
        assert!(widen(file.path(), 2).unwrap());
        assert!(!widen(file.path(), 2).unwrap());
        assert_eq!(file.as_file().metadata().unwrap().len(), 1 << 30);
    }

    #[test]
    fn the_device_of_a_mount() {
        let mounts = "rootfs / rootfs rw 0 0\n/dev/mmcblk0p1 /boot vfat ro 0 0\n/dev/mmcblk0p2 /data ext4 rw 0 0\n";
        assert_eq!(device_of(mounts, Path::new("/data")), Some("/dev/mmcblk0p2"));
        assert_eq!(device_of(mounts, Path::new("/dat")), None);
    }
}
