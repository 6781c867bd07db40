//! Buffers the kernel fills.

use bytes::BytesMut;

/// Says that the first `length` bytes of an empty buffer have been written, by a kernel that was given its spare room.
///
/// # Safety
///
/// A read(2) or recvmmsg(2) into this very room has returned that it wrote so much, and nothing has moved since.
pub unsafe fn filled(buffer: &mut BytesMut, length: usize) {
    debug_assert!(buffer.is_empty());
    let length = length.min(buffer.capacity());
    // SAFETY: the caller's word, and no more than the room is set.
    unsafe { buffer.set_len(length) };
}
