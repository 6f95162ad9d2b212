//! Finding the rule for a number with few comparisons: ranges of numbers with the same rule are one, and the tree of
//! comparisons over them is the cheapest there is.
//!
//! Cheap is what loading costs: the kernel translates every instruction, and walks the program once for every number that
//! a call may have, to remember which are always allowed (kernel/seccomp.c, `seccomp_cache_prepare`; kernel-costs.md).

use std::collections::BTreeMap;

use super::program::{Graph, IF_AT_LEAST, IF_EQUAL, Node, Step};

/// What an instruction costs in comparisons made.
const INSTRUCTION: u64 = 64;
/// The kernel walks the program for numbers below about this one.
const NUMBERS: u32 = 480;
/// Ranges over which the best tree is looked for; more are halved first, as the search takes the cube of it.
const RANGES_MAX: usize = 64;

/// Numbers from `first` to the next range's first, that all lead to `to`.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: u32,
    /// How many numbers; 0 stands for all the rest.
    width: u32,
    to: Node,
}

/// A node of `graph` that goes on as `places` says for the accumulator's value, and to `otherwise` for all other values.
pub fn tree(graph: &mut Graph, places: &BTreeMap<u32, Node>, otherwise: Node) -> Node {
    let ranges = ranges(places, otherwise);
    build(graph, &ranges)
}

fn ranges(places: &BTreeMap<u32, Node>, otherwise: Node) -> Vec<Range> {
    let mut starts = vec![(0, otherwise)];
    let mut go = |at: u32, to: Node| match starts.last_mut() {
        Some(last) if last.0 == at => last.1 = to,
        Some(_) | None => starts.push((at, to)),
    };
    for (&number, &to) in places {
        go(number, to);
        if number < u32::MAX {
            go(number + 1, otherwise);
        }
    }
    starts.dedup_by_key(|(_, to)| *to);
    let ends = starts.iter().skip(1).map(|(first, _)| *first).chain([0]);
    let range =
        |(&(first, to), end): (&(u32, Node), u32)| Range { first, width: end.wrapping_sub(first), to };
    starts.iter().zip(ends).map(range).collect()
}

impl Range {
    /// How many of its numbers the kernel walks the program for.
    fn weight(&self) -> u64 {
        let end = if self.width == 0 { u32::MAX } else { self.first.saturating_add(self.width) };
        u64::from(end.min(NUMBERS).saturating_sub(self.first.min(NUMBERS)))
    }

    /// Whether testing for each of its numbers is no more than testing for its two ends.
    const fn is_narrow(&self) -> bool {
        matches!(self.width, 1 | 2)
    }
}

fn build(graph: &mut Graph, ranges: &[Range]) -> Node {
    if ranges.len() <= RANGES_MAX {
        return Best::over(ranges).node(graph, 0, ranges.len());
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let at = high[0].first;
    let (no, yes) = (build(graph, low), build(graph, high));
    graph.node(Step::If { code: IF_AT_LEAST, operand: at, yes, no })
}

/// How some ranges are told apart.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// There is only one.
    Single,
    /// At or above the start of this one, or below it.
    Split(usize),
    /// Is it one of the narrow ones, one number after the other? All the rest goes where this one goes.
    Exceptions(usize),
}

/// The cheapest way for every run of neighbouring ranges.
struct Best<'r> {
    ranges: &'r [Range],
    ways: Vec<(u64, Way)>,
}

impl<'r> Best<'r> {
    fn over(ranges: &'r [Range]) -> Self {
        let count = ranges.len();
        let mut best = Self { ranges, ways: vec![(0, Way::Single); (count + 1) * (count + 1)] };
        for length in 2..=count {
            for from in 0..=count - length {
                let way = best.cheapest(from, from + length);
                best.ways[from * (count + 1) + from + length] = way;
            }
        }
        best
    }

    fn way(&self, from: usize, to: usize) -> (u64, Way) {
        self.ways[from * (self.ranges.len() + 1) + to]
    }

    fn cheapest(&self, from: usize, to: usize) -> (u64, Way) {
        let weight: u64 = self.ranges[from..to].iter().map(Range::weight).sum();
        let splits = (from + 1..to)
            .map(|at| (INSTRUCTION + weight + self.way(from, at).0 + self.way(at, to).0, Way::Split(at)));
        // Exceptions to where the first or the second one goes: a run of exceptions to a third has splits around it.
        let exceptions = (from..to).take(2).filter_map(|base| {
            let tests = self.exceptions(from, to, base)?;
            Some((tests * (INSTRUCTION + weight), Way::Exceptions(base)))
        });
        splits.chain(exceptions).min_by_key(|(cost, _)| *cost).unwrap_or((0, Way::Single))
    }

    /// How many comparisons it takes if all that go elsewhere than `base` are narrow.
    fn exceptions(&self, from: usize, to: usize, base: usize) -> Option<u64> {
        let elsewhere = self.ranges[from..to].iter().filter(|range| range.to != self.ranges[base].to);
        elsewhere.map(|range| range.is_narrow().then(|| u64::from(range.width))).sum()
    }

    fn node(&self, graph: &mut Graph, from: usize, to: usize) -> Node {
        match self.way(from, to).1 {
            Way::Single => self.ranges[from].to,
            Way::Split(at) => {
                let (no, yes) = (self.node(graph, from, at), self.node(graph, at, to));
                graph.node(Step::If { code: IF_AT_LEAST, operand: self.ranges[at].first, yes, no })
            }
            Way::Exceptions(base) => {
                let base = self.ranges[base].to;
                let mut rest = base;
                for range in self.ranges[from..to].iter().rev().filter(|range| range.to != base) {
                    for number in (0..range.width).map(|next| range.first + next) {
                        rest =
                            graph.node(Step::If { code: IF_EQUAL, operand: number, yes: range.to, no: rest });
                    }
                }
                rest
            }
        }
    }
}
