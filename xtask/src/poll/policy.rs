//! What is done with records that failed: again, in halves, or to the failure destination.

use std::time::Duration;

use super::{answer::Verdict, batch::Polled};

/// How often Lambda tries again when somebody wants all failures, and named no number.
const RETRIES_WITH_DESTINATION: u32 = 10;

/// How failures are handled.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// How often failed records go to the function again; none is without end.
    pub retries: Option<u32>,
    /// Records older than this are not handled any more.
    pub record_age: Option<Duration>,
    /// Whether a batch that fails as a whole is halved.
    pub bisect: bool,
}

/// Records that go to the function together: a batch, or what is left of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// In the order of their offsets.
    pub records: Vec<Polled>,
    /// How often they have come again since they are this group.
    pub retries: u32,
    /// How often the function was invoked with them.
    pub invocations: u32,
}

/// What follows an invocation.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: all records are done.
    Done,
    /// These go to the function again.
    Again(Work),
    /// These two go to the function, one after the other.
    Halves(Work, Work),
    /// No further attempt.
    Discard(Work),
}

impl Policy {
    /// With a failure destination nothing is tried for ever.
    pub fn with_destination(mut self) -> Self {
        self.retries.get_or_insert(RETRIES_WITH_DESTINATION);
        self
    }

    /// Takes out what is too old.
    pub fn expired(&self, work: &mut Work, now_millis: i64) -> Option<Work> {
        let age = i64::try_from(self.record_age?.as_millis()).ok()?;
        let is_old = |record: &Polled| record.timestamp.is_some_and(|written| now_millis - written > age);
        let (old, rest) = std::mem::take(&mut work.records).into_iter().partition(is_old);
        work.records = rest;
        let old = Work { records: old, ..*work };
        (!old.records.is_empty()).then_some(old)
    }

    /// Decides after an invocation. Halving is no retry: it only looks for what fails.
    pub fn after(&self, mut work: Work, verdict: &Verdict) -> Next {
        match verdict {
            Verdict::Done => Next::Done,
            Verdict::NotInvoked(_) => Next::Again(work),
            Verdict::Failed(offsets) => {
                work.records.retain(|record| offsets.contains(&record.offset));
                self.again(work)
            }
            Verdict::AllFailed(_) if self.bisect && work.records.len() > 1 => {
                let later = work.records.split_off(work.records.len() / 2);
                let later = Work { records: later, ..work };
                Next::Halves(work, later)
            }
            Verdict::AllFailed(_) => self.again(work),
        }
    }

    fn again(&self, mut work: Work) -> Next {
        if self.retries.is_some_and(|most| work.retries >= most) {
            return Next::Discard(work);
        }
        work.retries += 1;
        Next::Again(work)
    }
}

/// How long to wait before a retry, which grows.
pub fn pause(first: Duration, retries: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(30);
    first.saturating_mul(2_u32.saturating_pow(retries.saturating_sub(1))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use event_publisher::krafka::consumer::ConsumerRecord;
    use proptest::prelude::*;

    use super::*;

    fn record(offset: i64) -> Polled {
        let mut record = ConsumerRecord::new("t", 0, offset, None, None);
        record.timestamp = offset * 1_000;
        Polled::of(&record)
    }

    fn work(offsets: impl IntoIterator<Item = i64>) -> Work {
        Work { records: offsets.into_iter().map(record).collect(), ..Work::default() }
    }

    fn offsets(work: &Work) -> Vec<i64> {
        work.records.iter().map(|record| record.offset).collect()
    }

    /// What became of records, how often each went to the function, and in which order they were done.
    #[derive(Default)]
    struct Ended {
        done: Vec<i64>,
        discarded: Vec<Vec<i64>>,
        given: BTreeMap<i64, u32>,
    }

    fn run(policy: &Policy, whole: Work, function: impl Fn(&[i64]) -> Verdict) -> Ended {
        let (mut waiting, mut ended) = (vec![whole], Ended::default());
        while let Some(work) = waiting.pop() {
            let given = offsets(&work);
            given.iter().for_each(|offset| *ended.given.entry(*offset).or_default() += 1);
            let verdict = function(&given);
            match &verdict {
                Verdict::Done => ended.done.extend(&given),
                Verdict::Failed(named) => ended.done.extend(given.iter().filter(|offset| !named.contains(offset))),
                _ => {}
            }
            match policy.after(work, &verdict) {
                Next::Done => {}
                Next::Again(work) => waiting.push(work),
                Next::Halves(first, second) => waiting.extend([second, first]),
                Next::Discard(work) => ended.discarded.push(offsets(&work)),
            }
        }
        ended
    }

    proptest! {
        #[test]
        fn bisecting_discards_the_poisoned_alone_and_does_the_rest_in_order(
            length in 1_i64..200,
            poisoned in proptest::collection::btree_set(0_i64..200, 0..6),
            retries in 0_u32..4,
        ) {
            let policy = Policy { retries: Some(retries), bisect: true, record_age: None };
            let fails = |given: &[i64]| {
                if given.iter().any(|offset| poisoned.contains(offset)) {
                    Verdict::AllFailed(String::new())
                } else {
                    Verdict::Done
                }
            };
            let ended = run(&policy, work(0..length), fails);
            let bad: Vec<Vec<i64>> = poisoned.range(..length).map(|offset| vec![*offset]).collect();
            let good: Vec<i64> = (0..length).filter(|offset| !poisoned.contains(offset)).collect();
            prop_assert_eq!(ended.discarded, bad);
            prop_assert_eq!(ended.done, good);
        }

        #[test]
        fn a_partial_answer_brings_only_the_failed_again_and_so_often_as_allowed(
            length in 1_i64..100,
            poisoned in proptest::collection::btree_set(0_i64..100, 1..6),
            retries in 0_u32..4,
            bisect: bool,
        ) {
            let policy = Policy { retries: Some(retries), bisect, record_age: None };
            let names = |given: &[i64]| {
                let bad: BTreeSet<i64> = given.iter().copied().filter(|offset| poisoned.contains(offset)).collect();
                if bad.is_empty() { Verdict::Done } else { Verdict::Failed(bad) }
            };
            let ended = run(&policy, work(0..length), names);
            let bad: Vec<i64> = poisoned.range(..length).copied().collect();
            for offset in 0..length {
                let times = if bad.contains(&offset) { retries + 1 } else { 1 };
                prop_assert_eq!(ended.given[&offset], times);
            }
            prop_assert_eq!(ended.discarded.concat(), bad);
        }
    }

    #[test]
    fn a_batch_that_fails_as_a_whole_comes_again_as_it_is_unless_it_may_be_halved() {
        let policy = Policy { retries: Some(2), ..Policy::default() };
        let ended = run(&policy, work(0..4), |_| Verdict::AllFailed(String::new()));
        assert_eq!((ended.discarded, ended.given[&3]), (vec![vec![0, 1, 2, 3]], 3));
    }

    #[test]
    fn only_a_destination_ends_retries_that_have_no_limit() {
        let tired = Work { retries: 10, ..work([1]) };
        let failed = Verdict::AllFailed(String::new());
        assert!(matches!(Policy::default().after(tired.clone(), &failed), Next::Again(_)));
        assert!(matches!(Policy::default().with_destination().after(tired.clone(), &failed), Next::Discard(_)));
        let more = Policy { retries: Some(11), ..Policy::default() }.with_destination();
        assert!(matches!(more.after(tired, &failed), Next::Again(_)));
    }

    #[test]
    fn a_function_that_could_not_be_asked_has_used_no_retry() {
        let policy = Policy { retries: Some(0), bisect: true, record_age: None };
        assert_eq!(policy.after(work([1, 2]), &Verdict::NotInvoked(String::new())), Next::Again(work([1, 2])));
    }

    #[test]
    fn what_is_too_old_is_taken_out_and_what_has_no_time_never_is() {
        let policy = Policy { record_age: Some(Duration::from_secs(5)), ..Policy::default() };
        let mut all = work([1, 2, 9]);
        all.records.push(Polled { timestamp: None, ..record(10) });
        let old = policy.expired(&mut all, 7_001).unwrap();
        assert_eq!((offsets(&old), offsets(&all)), (vec![1, 2], vec![9, 10]));
        assert_eq!(policy.expired(&mut all, 14_000), None);
        assert_eq!(Policy::default().expired(&mut all, i64::MAX), None);
    }

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let pauses = [1, 2, 3, 10, 100].map(|retries| pause(Duration::from_millis(500), retries).as_millis());
        assert_eq!(pauses, [500, 1_000, 2_000, 30_000, 30_000]);
    }
}
