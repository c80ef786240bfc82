//! Runs before the program's `main`: finds the real functions, the page and the folder.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::page::{DIR, MAGIC, PAGE, Page, SIZE, VERSION};
use crate::real;

/// Null until the page is mapped, and for ever in a program that was given none.
static MAPPED: AtomicPtr<Page> = AtomicPtr::new(null_mut());
/// The path of the folder. Written once, before `FOLDER_LEN` says so.
static FOLDER: AtomicPtr<u8> = AtomicPtr::new(null_mut());
static FOLDER_LEN: AtomicUsize = AtomicUsize::new(0);

/// The page, if the program has one.
#[inline]
pub(crate) fn page() -> Option<&'static Page> {
    // SAFETY: null, or a mapping that is never undone, of at least the page's size, aligned as a page of
    // memory is, and made of atomics only, so that it may change under us.
    unsafe { MAPPED.load(Ordering::Acquire).as_ref() }
}

/// The folder below which the disk can be full; empty: none.
pub(crate) fn folder() -> &'static [u8] {
    let len = FOLDER_LEN.load(Ordering::Acquire);
    let start = FOLDER.load(Ordering::Acquire);
    if len == 0 || start.is_null() {
        return &[];
    }
    // SAFETY: both were set by `attach`, to a buffer that is never freed nor written again.
    unsafe { std::slice::from_raw_parts(start, len) }
}

/// The dynamic linker calls what is listed here once the libraries that this one needs are ready.
#[used]
#[unsafe(link_section = ".init_array")]
static ATTACH: extern "C" fn() = attach;

extern "C" fn attach() {
    real::find();
    let saved = real::errno();
    // SAFETY: the name ends in a zero byte (see `variable`); nobody has had a chance to change the environment.
    unsafe {
        if let Some(path) = variable(PAGE) {
            map(path);
        }
        if let Some(path) = variable(DIR) {
            remember(path);
        }
    }
    real::set_errno(saved);
}

/// An environment variable that is set.
///
/// # Safety
/// Nobody may change the environment meanwhile.
unsafe fn variable(name: &str) -> Option<&'static CStr> {
    let mut buffer = [0u8; 32];
    // The last byte stays zero and ends the name.
    for (to, from) in buffer.iter_mut().take(31).zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: a string that ends; the result points into the environment, or is null.
    unsafe {
        let value: *const c_char = libc::getenv(buffer.as_ptr().cast());
        if value.is_null() {
            None
        } else {
            Some(CStr::from_ptr(value))
        }
    }
}

/// Maps the page at `path`; does nothing if there is no good one.
unsafe fn map(path: &CStr) {
    // SAFETY: plain system calls on a descriptor that nobody else knows. The file is long enough for what
    // is mapped of it, so touching it cannot fault, as the harness never makes it shorter.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if fd < 0 {
            return;
        }
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        if libc::fstat(fd, stat.as_mut_ptr()) == 0 && stat.assume_init().st_size >= SIZE as i64 {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let at = libc::mmap(null_mut(), SIZE, protection, libc::MAP_SHARED, fd, 0);
            if at != libc::MAP_FAILED {
                accept(at.cast());
            }
        }
        libc::close(fd);
    }
}

/// Uses the mapped page if it is one of ours.
unsafe fn accept(mapped: *mut Page) {
    // SAFETY: just mapped, large enough, aligned.
    let page = unsafe { &*mapped };
    if page.magic.load(Ordering::Acquire) == MAGIC
        && page.version.load(Ordering::Relaxed) == VERSION
    {
        page.attached.fetch_add(1, Ordering::Relaxed);
        MAPPED.store(mapped, Ordering::Release);
    }
}

/// Keeps the folder's path, with its links resolved, as /proc shows the paths of open files.
unsafe fn remember(path: &CStr) {
    const LEN: usize = libc::PATH_MAX as usize;
    // SAFETY: memory of our own, kept for ever: the program may change its environment later. `realpath` writes
    // at most PATH_MAX bytes; where it fails (the folder does not exist yet), the path is taken as it is.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let at = libc::mmap(null_mut(), LEN, protection, flags, -1, 0);
        if at == libc::MAP_FAILED {
            return;
        }
        let kept: *mut c_char = at.cast();
        if libc::realpath(path.as_ptr(), kept).is_null() {
            libc::strncpy(kept, path.as_ptr(), LEN.wrapping_sub(1));
        }
        let mut len = libc::strlen(kept);
        while len > 1 && *kept.wrapping_add(len.wrapping_sub(1)) == b'/' as c_char {
            len = len.wrapping_sub(1);
        }
        FOLDER.store(kept.cast(), Ordering::Release);
        FOLDER_LEN.store(len, Ordering::Release);
    }
}
