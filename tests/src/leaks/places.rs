//! Where one looks: files, texts, and the memory of a process.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
};

use crate::canary::{Canary, Found, Searcher};

/// Bytes that are looked at together.
const PIECE: usize = 4 << 20;
/// What memory comes and goes in.
const PAGE: u64 = 4 << 10;

/// What was found in a place.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Which place.
    pub place: &'static str,
    /// How many bytes of it were looked at.
    pub bytes: u64,
    /// How many canaries were looked for.
    pub canaries: usize,
    /// What was found.
    pub found: BTreeSet<Found>,
}

/// Looks for canaries in a place, piece by piece.
pub(super) struct Search<'a> {
    searcher: Searcher,
    control: Option<(Searcher, bool)>,
    searched: Searched,
    canaries: &'a [Canary],
}

impl<'a> Search<'a> {
    pub(super) fn of(place: &'static str, canaries: &'a [Canary]) -> Self {
        Self {
            searcher: Searcher::new(canaries),
            control: None,
            searched: Searched {
                place,
                bytes: 0,
                canaries: canaries.len(),
                found: BTreeSet::new(),
            },
            canaries,
        }
    }

    /// With something that is known to be there, so that it is known to be the right place.
    pub(super) fn where_there_is(mut self, known: &[u8]) -> Self {
        self.control = Some((Searcher::new(&[Canary::new("known", known)]), false));
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.look_at(bytes);
        self
    }

    /// Every file below a folder that is not below one of these.
    pub(super) fn folder(mut self, folder: &Path, but_not: &[&str]) -> Self {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            let name = entry.file_name();
            if but_not.iter().any(|other| name == *other) {
                continue;
            }
            if kind.is_dir() {
                self = self.folder(&entry.path(), &[]);
            } else if kind.is_file() {
                self = self.file(&entry.path());
            }
        }
        self
    }

    pub(super) fn file(mut self, path: &Path) -> Self {
        // A server may have removed it by now.
        if let Ok(file) = File::open(path) {
            let length = file.metadata().unwrap().len();
            self.read(&file, 0..length);
        }
        self
    }

    /// Everything that a running process may read of itself.
    pub(super) fn memory_of(mut self, process: u32) -> Self {
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        let memory = File::open(format!("/proc/{process}/mem")).unwrap();
        for line in maps.lines() {
            if let Some(region) = readable_region(line) {
                self.read(&memory, region);
            }
        }
        self
    }

    /// Looks at pieces that overlap. Of a process's memory, a page that is not there any more is passed over.
    fn read(&mut self, file: &File, region: Range<u64>) {
        let overlap = self.searcher.overlap() as u64;
        let mut piece = vec![0; PIECE];
        let mut at = region.start;
        while at < region.end {
            let wanted = usize::try_from(region.end - at).unwrap_or(PIECE).min(PIECE);
            let Ok(read @ 1..) = file.read_at(&mut piece[..wanted], at) else {
                at = (at / PAGE + 1) * PAGE;
                continue;
            };
            self.look_at(&piece[..read]);
            let next = at + read as u64;
            at = if next < region.end {
                (next - overlap).max(at + 1)
            } else {
                next
            };
        }
    }

    fn look_at(&mut self, bytes: &[u8]) {
        self.searched.bytes += bytes.len() as u64;
        self.searched.found.extend(self.searcher.search(bytes));
        if let Some((known, seen)) = &mut self.control {
            *seen = *seen || !known.search(bytes).is_empty();
        }
    }

    /// What was found.
    ///
    /// # Panics
    /// When what is known to be there was not: then this is not the right place.
    pub(super) fn done(self) -> Searched {
        let place = self.searched.place;
        if let Some((_, seen)) = self.control {
            assert!(
                seen,
                "{place}: what must be there is not: this is not the right place"
            );
        }
        assert!(
            self.searched.bytes > 0 || self.canaries.is_empty(),
            "{place}: nothing to look at"
        );
        self.searched
    }
}

/// The addresses of a line of `/proc/PID/maps`, if they can be read.
fn readable_region(line: &str) -> Option<Range<u64>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let readable = words.next()?.starts_with('r');
    let of_the_kernel = line.ends_with("[vvar]") || line.ends_with("[vsyscall]") || line.contains("[vvar_");
    let address = |text| u64::from_str_radix(text, 16).ok();
    (readable && !of_the_kernel).then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_regions_have_their_addresses() {
        let line = "7f0000001000-7f0000003000 rw-p 00000000 00:00 0 [heap]";
        assert_eq!(readable_region(line), Some(0x7f00_0000_1000..0x7f00_0000_3000));
        assert_eq!(readable_region("1000-2000 ---p 00000000 00:00 0"), None);
        assert_eq!(readable_region("1000-2000 r--p 00000000 00:00 0 [vvar]"), None);
    }

    #[test]
    fn a_canary_across_two_pieces_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = vec![b'.'; PIECE - 10];
        bytes.extend_from_slice(b"a rare sentence");
        bytes.extend(vec![b'.'; PIECE]);
        fs::write(folder.path().join("file"), bytes).unwrap();
        let canaries = [Canary::new("sentence", b"a rare sentence")];
        let searched = Search::of("folder", &canaries).folder(folder.path(), &[]).done();
        assert_eq!(searched.found.len(), 1);
    }

    #[test]
    fn what_this_process_holds_is_in_its_memory() {
        let held: Vec<u8> = (0..40_u8).map(|number| number.wrapping_mul(37) ^ 0xa5).collect();
        let canaries = [Canary::new("held", &held)];
        let searched = Search::of("memory", &canaries)
            .memory_of(std::process::id())
            .done();
        assert!(searched.found.iter().any(|found| found.dress == "raw"));
    }
}
