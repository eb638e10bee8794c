//! Masks as runs: COCO's text, DM's pairs, and what can be told of a mask
//! without drawing it.

use crate::model::Size;

/// Why runs are not a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAMask {
    /// Characters no encoder writes, or a cut-off number.
    Text,
    /// A run of negative length or beyond 32 bits.
    Run,
    /// The runs do not add up to the picture.
    Sum,
}

impl std::fmt::Display for NotAMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "the counts are not a run-length text",
            Self::Run => "a run of the mask has an impossible length",
            Self::Sum => "the runs of the mask do not add up to width × height",
        })
    }
}

/// Appends the runs of COCO's text. Each is a number in groups of five bits,
/// the lowest first, from the fourth on the difference to the run two before.
pub(crate) fn decode(text: &[u8], runs: &mut Vec<u32>) -> Result<(), NotAMask> {
    let start = runs.len();
    let mut bytes = text.iter();
    while let Some(&first) = bytes.next() {
        let mut value = 0i64;
        let mut shift = 0;
        let mut byte = first;
        loop {
            let group = byte.checked_sub(48).filter(|group| *group < 64).ok_or(NotAMask::Text)?;
            if shift > 40 {
                return Err(NotAMask::Run);
            }
            value |= i64::from(group & 31) << shift;
            shift += 5;
            if group & 32 == 0 {
                if group & 16 != 0 {
                    value |= -1 << shift;
                }
                break;
            }
            byte = *bytes.next().ok_or(NotAMask::Text)?;
        }
        let done = runs.len() - start;
        if done > 2 {
            value += i64::from(runs[runs.len() - 2]);
        }
        runs.push(u32::try_from(value).map_err(|_| NotAMask::Run)?);
    }
    Ok(())
}

/// Appends runs as COCO's text.
pub(crate) fn encode(runs: &[u32], out: &mut Vec<u8>) {
    for (index, &run) in runs.iter().enumerate() {
        let mut value = i64::from(run);
        if index > 2 {
            value -= i64::from(runs[index - 2]);
        }
        loop {
            let group = (value & 31) as u8;
            value >>= 5;
            let more = if group & 16 == 0 { value != 0 } else { value != -1 };
            out.push(48 + group + if more { 32 } else { 0 });
            if !more {
                break;
            }
        }
    }
}

/// Whether the runs cover the picture exactly.
pub(crate) fn check(runs: &[u32], size: Size) -> Result<(), NotAMask> {
    let sum: u64 = runs.iter().map(|run| u64::from(*run)).sum();
    if sum == u64::from(size.width) * u64::from(size.height) { Ok(()) } else { Err(NotAMask::Sum) }
}

/// The number of pixels inside.
pub(crate) fn area(runs: &[u32]) -> u64 {
    runs.iter().skip(1).step_by(2).map(|run| u64::from(*run)).sum()
}

/// The pixels inside as stretches of columns: column, top, bottom (excluded).
pub(crate) fn stretches(runs: &[u32], height: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
    let height = u64::from(height.max(1));
    let mut position = 0u64;
    let ends = runs.iter().enumerate().filter_map(move |(index, run)| {
        let start = position;
        position += u64::from(*run);
        (index % 2 == 1 && *run > 0).then_some((start, position))
    });
    ends.flat_map(move |(start, end)| {
        (start / height..=(end - 1) / height).map(move |column| {
            let top = start.max(column * height) - column * height;
            let bottom = end.min((column + 1) * height) - column * height;
            (column as u32, top as u32, bottom as u32)
        })
    })
}

/// The box around the pixels inside: left, top, width, height. `None` if
/// there are none.
pub(crate) fn bounds(runs: &[u32], size: Size) -> Option<[f64; 4]> {
    let mut found: Option<[u32; 4]> = None;
    for (column, top, bottom) in stretches(runs, size.height) {
        let now = found.get_or_insert([column, top, column, bottom]);
        *now = [now[0].min(column), now[1].min(top), now[2].max(column), now[3].max(bottom)];
    }
    found.map(|[left, top, right, bottom]| {
        [f64::from(left), f64::from(top), f64::from(right + 1 - left), f64::from(bottom - top)]
    })
}

/// A stretch of pixels on one line: the line, the first and the one after the
/// last.
type Stretch = (u32, u32, u32);

/// DM's runs, which go along the rows and name the start of each, as runs down
/// the columns. `pairs` are sorted, do not overlap and stay in the picture.
pub(crate) fn from_rows(pairs: &[(u64, u64)], size: Size, runs: &mut Vec<u32>) {
    let (width, height) = (u64::from(size.width), u64::from(size.height));
    let mut rows: Vec<Stretch> = Vec::new();
    for &(start, length) in pairs.iter().filter(|pair| pair.1 > 0) {
        let end = start + length;
        for row in start / width..=(end - 1) / width {
            let left = (start.max(row * width) - row * width) as u32;
            let right = (end.min((row + 1) * width) - row * width) as u32;
            join(&mut rows, (row as u32, left, right));
        }
    }
    let mut done = 0;
    for (column, top, bottom) in transposed(&rows) {
        let start = u64::from(column) * height + u64::from(top);
        let length = bottom - top;
        match runs.last_mut() {
            // A stretch down to the foot of a column goes on in the next.
            Some(last) if start == done && done > 0 => *last += length,
            _ => runs.extend([(start - done) as u32, length]),
        }
        done = start + u64::from(length);
    }
    if done < width * height || done == 0 {
        runs.push((width * height - done) as u32);
    }
}

/// Adds a stretch to sorted ones, as part of the last if they touch.
fn join(stretches: &mut Vec<Stretch>, next: Stretch) {
    match stretches.last_mut() {
        Some(last) if last.0 == next.0 && last.2 == next.1 => last.2 = next.2,
        _ => stretches.push(next),
    }
}

/// Runs down the columns as DM's pairs along the rows, none of which reaches
/// over the end of a row.
pub(crate) fn to_rows(runs: &[u32], size: Size) -> Vec<(u64, u64)> {
    let mut columns: Vec<Stretch> = Vec::new();
    for stretch in stretches(runs, size.height) {
        join(&mut columns, stretch);
    }
    let pair = |(row, left, right): Stretch| {
        (u64::from(row) * u64::from(size.width) + u64::from(left), u64::from(right - left))
    };
    transposed(&columns).into_iter().map(pair).collect()
}

/// Sorted stretches along lines as stretches across them. A stretch across
/// starts where a line has a pixel that the line before has not, and ends
/// where it is the other way round; sorted, the starts and the ends match. The
/// work goes with the number of stretches, not of pixels.
fn transposed(stretches: &[Stretch]) -> Vec<Stretch> {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    let mut before: (u32, &[Stretch]) = (0, &[]);
    for line in stretches.chunk_by(|a, b| a.0 == b.0) {
        let number = line[0].0;
        if before.0 + 1 != number {
            difference(before.1, &[], before.0 + 1, &mut ends);
            before.1 = &[];
        }
        difference(line, before.1, number, &mut starts);
        difference(before.1, line, number, &mut ends);
        before = (number, line);
    }
    difference(before.1, &[], before.0 + 1, &mut ends);
    starts.sort_unstable();
    ends.sort_unstable();
    starts.into_iter().zip(ends).map(|((across, from), (_, to))| (across, from, to)).collect()
}

/// Appends every position of `line` that is not in `other`, with a number.
fn difference(line: &[Stretch], other: &[Stretch], number: u32, out: &mut Vec<(u32, u32)>) {
    let mut others = other.iter().peekable();
    for &(_, from, to) in line {
        let mut at = from;
        while at < to {
            while others.peek().is_some_and(|gap| gap.2 <= at) {
                others.next();
            }
            let gap = others.peek().map_or((to, to), |gap| (gap.1.min(to), gap.2.min(to)));
            out.extend((at..gap.0.max(at)).map(|position| (position, number)));
            at = gap.1.max(at);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runs_of(inside: &[bool]) -> Vec<u32> {
        let mut runs = vec![0];
        let mut now = false;
        for &pixel in inside {
            if pixel != now {
                runs.push(0);
                now = pixel;
            }
            *runs.last_mut().unwrap() += 1;
        }
        runs
    }

    #[test]
    fn a_block_has_the_text_other_tools_write() {
        let size = Size { width: 20, height: 10 };
        let inside: Vec<bool> =
            (0..200).map(|at| (2..8).contains(&(at / 10)) && (2..8).contains(&(at % 10))).collect();
        let runs = runs_of(&inside);
        let mut text = Vec::new();
        encode(&runs, &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), "f064000000000f3");
        assert_eq!(bounds(&runs, size), Some([2.0, 2.0, 6.0, 6.0]));
        assert_eq!(area(&runs), 36);
        assert_eq!(check(&runs, size), Ok(()));
        assert_eq!(to_rows(&runs, size)[0], (42, 6));
    }

    #[test]
    fn text_that_is_no_mask_is_refused() {
        let mut runs = Vec::new();
        assert_eq!(decode(b"f0\x01", &mut runs), Err(NotAMask::Text));
        assert_eq!(decode(b"oooooooooooo", &mut runs), Err(NotAMask::Run));
        assert_eq!(decode("é".as_bytes(), &mut runs), Err(NotAMask::Text));
        assert_eq!(check(&[3], Size { width: 2, height: 2 }), Err(NotAMask::Sum));
    }

    proptest! {
        #[test]
        fn masks_survive_text_and_rows(width in 1u32..9, height in 1u32..9, seed in any::<u64>()) {
            let size = Size { width, height };
            let inside: Vec<bool> = (0..width * height).map(|at| seed >> (at % 64) & 1 == 1).collect();
            let runs = runs_of(&inside);
            let mut text = Vec::new();
            encode(&runs, &mut text);
            let mut again = Vec::new();
            decode(&text, &mut again).unwrap();
            prop_assert_eq!(&again, &runs);
            let mut back = Vec::new();
            from_rows(&to_rows(&runs, size), size, &mut back);
            prop_assert_eq!(back, runs);
        }

        #[test]
        fn any_text_is_a_mask_or_refused(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut runs = Vec::new();
            let _ = decode(&text, &mut runs);
        }
    }
}
