//! Sums of words, with the vectors of the machine it runs on.

/// The sum of the whole words of four bytes, as the machine reads them.
pub fn words(words: &[[u8; 4]]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has what the function was compiled for.
        return unsafe { words_avx2(words) };
    }
    plain(words)
}

/// Made vectors of by the compiler: twice as wide where it may.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn words_avx2(words: &[[u8; 4]]) -> u64 {
    plain(words)
}

#[inline(always)]
fn plain(words: &[[u8; 4]]) -> u64 {
    // Four at a time into 64 bits: no carry is lost before 16 GiB.
    words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_same_with_any_vectors() {
        let all: Vec<[u8; 4]> = (0..500_u32).map(|i| i.wrapping_mul(2_654_435_761).to_ne_bytes()).collect();
        for length in [0, 1, 7, 8, 9, 31, 32, 33, 499, 500] {
            assert_eq!(super::words(&all[..length]), super::plain(&all[..length]));
        }
    }
}
