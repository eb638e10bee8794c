//! A part of a dataset, or the same with other splits.

use crate::error::{Error, ErrorKind};
use crate::format::Format;
use crate::model::{Header, Item};
use crate::paths;
use crate::problem::Place;
use crate::report::Notes;
use crate::stream::{Source, Want};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// What becomes of the splits of a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Splits {
    /// They stay as they are.
    #[default]
    Keep,
    /// All images become one dataset without splits.
    Merge,
    /// Only the images of these splits.
    Only(Vec<String>),
    /// New splits, each with its share of all images, which need not add up to
    /// anything. The path of an image decides where it goes, so that it is in
    /// the same split on every machine, whatever images are added.
    Divide(Vec<(String, f64)>),
}

/// Some images of a source, with splits and classes of their own.
pub(crate) struct Selected<'s> {
    source: &'s dyn Source,
    header: Header,
    images: Vec<Pick>,
    /// For each class of the source the one here.
    classes: Option<Vec<Option<u32>>>,
    passed_over: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Pick {
    image: usize,
    split: Option<u16>,
}

impl<'s> Selected<'s> {
    /// The part of `source` that is asked for.
    pub(crate) fn new(source: &'s dyn Source, splits: &Splits, classes: &[String]) -> Result<Self, Error> {
        let mut header = source.header().clone();
        let images = pick(source, splits, &mut header)?;
        let classes = if classes.is_empty() { None } else { Some(choose(&mut header, classes)?) };
        Ok(Self { source, header, images, classes, passed_over: AtomicU64::new(0) })
    }

    /// How many annotations so far were of classes not asked for.
    pub(crate) fn passed_over(&self) -> u64 {
        self.passed_over.load(Ordering::Relaxed)
    }

    fn reduce(&self, item: &mut Item) {
        let Some(classes) = &self.classes else { return };
        let before = item.annotations.len();
        item.annotations.retain_mut(|annotation| {
            let Some(class) = annotation.class else { return true };
            match classes.get(class as usize) {
                // A class the source does not name is a problem, told later.
                None => true,
                Some(None) => false,
                Some(new) => {
                    annotation.class = *new;
                    true
                }
            }
        });
        self.passed_over.fetch_add((before - item.annotations.len()) as u64, Ordering::Relaxed);
    }
}

fn pick(source: &dyn Source, splits: &Splits, header: &mut Header) -> Result<Vec<Pick>, Error> {
    let all = 0..source.len();
    Ok(match splits {
        Splits::Keep => all.map(|image| Pick { image, split: source.image(image).0 }).collect(),
        Splits::Merge => {
            header.splits.clear();
            all.map(|image| Pick { image, split: None }).collect()
        }
        Splits::Only(names) => {
            let numbers = only(header, names)?;
            let position = |image: usize| {
                let split = source.image(image).0?;
                numbers.iter().position(|number| *number == split)
            };
            let picks = all.filter_map(|image| Some(Pick { image, split: Some(position(image)? as u16) }));
            picks.collect()
        }
        Splits::Divide(shares) => {
            let bounds = bounds(shares)?;
            header.splits = shares.iter().map(|(name, _)| crate::coco::canonical(name)).collect();
            all.map(|image| Pick { image, split: Some(bucket(source.image(image).1, &bounds)) }).collect()
        }
    })
}

/// The numbers of the splits that are asked for, in that order.
fn only(header: &mut Header, names: &[String]) -> Result<Vec<u16>, Error> {
    let mut numbers = Vec::new();
    for name in names {
        let wanted = crate::coco::canonical(name);
        let Some(number) = header.splits.iter().position(|split| *split == wanted) else {
            let there = match header.splits.is_empty() {
                true => "the dataset has no splits; `train=0.8,val=0.2` makes some".to_owned(),
                false => format!("the splits are {}", header.splits.join(", ")),
            };
            return Err(Error::new(ErrorKind::Options, format!("there is no split `{name}`")).hint(there));
        };
        numbers.push(number as u16);
    }
    header.splits = numbers.iter().map(|number| header.splits[usize::from(*number)].clone()).collect();
    Ok(numbers)
}

/// Where each share ends, from 0 to 1.
fn bounds(shares: &[(String, f64)]) -> Result<Vec<f64>, Error> {
    let sum: f64 = shares.iter().map(|(_, share)| *share).sum();
    let are_shares = shares.iter().all(|(_, share)| share.is_finite() && *share >= 0.0);
    if !(are_shares && sum > 0.0 && sum.is_finite()) {
        return Err(Error::new(ErrorKind::Options, "the shares of splits are no numbers above 0")
            .hint("for example train=0.8,val=0.1,test=0.1"));
    }
    let mut end = 0.0;
    Ok(shares
        .iter()
        .map(|(_, share)| {
            end += share / sum;
            end
        })
        .collect())
}

fn bucket(path: &str, bounds: &[f64]) -> u16 {
    let mut mixed = paths::hash(path.as_bytes());
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let unit = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
    // Rounding may leave the last bound a little below 1.
    bounds.iter().position(|end| unit < *end).unwrap_or(bounds.len() - 1) as u16
}

/// Reduces the classes to `names`, in that order, and says what becomes of
/// each.
fn choose(header: &mut Header, names: &[String]) -> Result<Vec<Option<u32>>, Error> {
    let mut new = vec![None; header.classes.len()];
    let mut kept = Vec::new();
    for name in names {
        let same = |class: &&crate::Class| class.name == *name;
        let Some(class) = header.classes.iter().find(same) else {
            let known: Vec<&str> = header.classes.iter().take(20).map(|class| &*class.name).collect();
            let more = if header.classes.len() > known.len() { ", …" } else { "" };
            return Err(Error::new(ErrorKind::Options, format!("there is no class `{name}`"))
                .hint(format!("the classes are {}{more}", known.join(", "))));
        };
        // Two classes of one name become one.
        for (number, _) in header.classes.iter().enumerate().filter(|(_, other)| same(other)) {
            new[number] = Some(kept.len() as u32);
        }
        kept.push(class.clone());
    }
    header.classes = kept;
    Ok(new)
}

impl Source for Selected<'_> {
    fn format(&self) -> Format {
        self.source.format()
    }

    fn header(&self) -> &Header {
        &self.header
    }

    fn notes(&self) -> &Notes {
        self.source.notes()
    }

    fn len(&self) -> usize {
        self.images.len()
    }

    fn image(&self, index: usize) -> (Option<u16>, &str) {
        let Pick { image, split } = self.images[index];
        (split, self.source.image(image).1)
    }

    fn read(
        &self,
        range: Range<usize>,
        want: Want,
        notes: &mut Notes,
        each: &mut dyn FnMut(usize, &mut Item, &mut Notes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut start = range.start;
        // Images that follow one another are read in one go.
        for together in self.images[range].chunk_by(|a, b| a.image + 1 == b.image) {
            let first = together[0].image;
            self.source.read(first..first + together.len(), want, notes, &mut |image, item, notes| {
                let at = image - first;
                item.split = together[at].split;
                self.reduce(item);
                each(start + at, item, notes)
            })?;
            start += together.len();
        }
        Ok(())
    }

    fn place(&self, index: usize, item: &Item, annotation: Option<usize>) -> Place {
        self.source.place(self.images[index].image, item, annotation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_a_path_has_its_split_for_good() {
        let shares = [("train".to_owned(), 80.0), ("val".to_owned(), 20.0)];
        let bounds = bounds(&shares).unwrap_or_default();
        let count = (0..10_000).filter(|n| bucket(&format!("{n:06}.jpg"), &bounds) == 0).count();
        assert!((7_850..8_150).contains(&count), "{count}");
        assert_eq!(bucket("000001.jpg", &bounds), bucket("000001.jpg", &bounds));
        assert!(self::bounds(&[("train".to_owned(), f64::NAN)]).is_err());
        assert!(self::bounds(&[("train".to_owned(), 0.0)]).is_err());
    }
}
