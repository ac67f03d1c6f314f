//! Which subscription that is there an incoming one continues, so that pools, and what clients have of them, survive.
//!
//! Only within one upstream pool: first the same upstream entitlement; then the same quantity; then, from the largest
//! down, whatever is left. Ties are decided by the entitlement's id, then the subscription's, so that the same import
//! always ends alike.

use std::collections::{BTreeMap, HashMap};

/// A subscription that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing<'a> {
    /// Its id, which is to be kept.
    pub id: &'a str,
    /// The upstream pool.
    pub pool: &'a str,
    /// The upstream entitlement; blank in old files.
    pub entitlement: &'a str,
    /// Its quantity.
    pub quantity: i64,
}

/// An entitlement of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming<'a> {
    /// The upstream pool.
    pub pool: &'a str,
    /// The upstream entitlement; may be blank.
    pub entitlement: &'a str,
    /// Its quantity.
    pub quantity: i64,
}

/// Says for each incoming one, in order, which existing one it continues, by position; `None`: it is new. No existing
/// one is continued twice.
pub fn reconcile(existing: &[Existing<'_>], incoming: &[Incoming<'_>]) -> Vec<Option<usize>> {
    let mut continues = vec![None; incoming.len()];
    let mut pools: BTreeMap<&str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, subscription) in existing.iter().enumerate() {
        pools.entry(subscription.pool).or_default().0.push(index);
    }
    for (index, entitlement) in incoming.iter().enumerate() {
        pools.entry(entitlement.pool).or_default().1.push(index);
    }
    for (mut old, mut new) in pools.into_values() {
        if old.is_empty() || new.is_empty() {
            continue;
        }
        // Largest first; then by id.
        old.sort_by_key(|&o| (-i128::from(existing[o].quantity), existing[o].entitlement, existing[o].id));
        new.sort_by_key(|&n| (-i128::from(incoming[n].quantity), incoming[n].entitlement));
        let same_entitlement = |o: usize| (!existing[o].entitlement.is_empty()).then_some(existing[o].entitlement);
        let wanted_entitlement = |n: usize| (!incoming[n].entitlement.is_empty()).then_some(incoming[n].entitlement);
        pair(&mut old, &mut new, &mut continues, same_entitlement, wanted_entitlement);
        pair(&mut old, &mut new, &mut continues, |o| Some(existing[o].quantity), |n| Some(incoming[n].quantity));
        for (n, o) in new.into_iter().zip(old) {
            continues[n] = Some(o);
        }
    }
    continues
}

/// Pairs those of equal key, in order, and takes them out of both lists.
fn pair<K: Eq + std::hash::Hash>(
    old: &mut Vec<usize>,
    new: &mut Vec<usize>,
    continues: &mut [Option<usize>],
    key_of_old: impl Fn(usize) -> Option<K>,
    key_of_new: impl Fn(usize) -> Option<K>,
) {
    let mut by_key: HashMap<K, Vec<usize>> = HashMap::new();
    for &o in old.iter().rev() {
        if let Some(key) = key_of_old(o) {
            by_key.entry(key).or_default().push(o);
        }
    }
    let mut taken = Vec::new();
    new.retain(|&n| {
        let found = key_of_new(n).and_then(|key| by_key.get_mut(&key)?.pop());
        if let Some(o) = found {
            continues[n] = Some(o);
            taken.push(o);
        }
        found.is_none()
    });
    taken.sort_unstable();
    old.retain(|o| taken.binary_search(o).is_err());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `a:25 b:20` in upstream pool `p`; `pool/entitlement:quantity` names another; `-` is a blank entitlement.
    fn parse(text: &str) -> Vec<(&str, &str, i64)> {
        let one = |word: &'_ str| -> (&'static str, &'static str, i64) {
            let word: &'static str = Box::leak(word.to_owned().into_boxed_str());
            let (pool, rest) = word.split_once('/').unwrap_or(("p", word));
            let (entitlement, quantity) = rest.split_once(':').unwrap();
            (pool, entitlement.trim_matches('-'), quantity.parse().unwrap())
        };
        text.split_whitespace().map(one).collect()
    }

    /// Who takes whose place: `d<-b` for each incoming one, `d new` where nobody's.
    fn outcome(existing: &str, incoming: &str) -> String {
        let (old, new) = (parse(existing), parse(incoming));
        let ids: Vec<String> = (0..old.len()).map(|n| format!("s{n}")).collect();
        let olds: Vec<_> = std::iter::zip(&old, &ids)
            .map(|(&(pool, entitlement, quantity), id)| Existing { id, pool, entitlement, quantity })
            .collect();
        let news: Vec<_> =
            new.iter().map(|&(pool, entitlement, quantity)| Incoming { pool, entitlement, quantity }).collect();
        let line = |(incoming, taken): (&Incoming<'_>, &Option<usize>)| match taken {
            Some(o) if olds[*o].entitlement.is_empty() => format!("{}<-:{}", incoming.entitlement, olds[*o].quantity),
            Some(o) => format!("{}<-{}", incoming.entitlement, olds[*o].entitlement),
            None => format!("{} new", incoming.entitlement),
        };
        news.iter().zip(&reconcile(&olds, &news)).map(line).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_worked_cases_end_as_the_world_knows_them() {
        for (existing, incoming, expected) in [
            ("a:25", "a:25", "a<-a"),
            ("a:20", "a:20 b:15", "a<-a, b new"),
            ("a:20 b:15", "b:15", "b<-b"),
            ("a:20 b:15 c:10", "a:20 c:10 d:5", "a<-a, c<-c, d<-b"),
            ("a:15 b:10 c:5", "d:15 e:10 f:5", "d<-a, e<-b, f<-c"),
            ("a:15 b:10 c:5", "d:15 f:5", "d<-a, f<-c"),
            ("a:15 b:10", "d:15 e:10 f:5", "d<-a, e<-b, f new"),
            ("-:15 -:10 -:5", "d:15 e:10 f:5", "d<-:15, e<-:10, f<-:5"),
            ("a:25 b:20 c:15", "d:23 e:17 f:10", "d<-a, e<-b, f<-c"),
            ("a:20 b:15 c:10 d:5", "e:23 f:10", "e<-a, f<-c"),
            ("a:15 b:15", "a:15 c:15", "a<-a, c<-b"),
            (
                "u1/a:5 u1/b:4 u1/c:3 u1/d:2 u1/e:1 u2/f:5 u2/g:4 u2/h:3 u2/i:2",
                "u1/a:5 u1/b:4 u1/c:3 u1/d:2 u1/e:1 u3/j:5 u3/k:4 u3/l:3 u3/m:2 u3/n:1",
                "a<-a, b<-b, c<-c, d<-d, e<-e, j new, k new, l new, m new, n new",
            ),
        ] {
            assert_eq!(outcome(existing, incoming), expected, "{existing} -> {incoming}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_continued_twice_and_order_does_not_matter(
            old in prop::collection::vec((0..3_u8, 0..6_u8, 0..4_i64), 0..12),
            new in prop::collection::vec((0..3_u8, 0..6_u8, 0..4_i64), 0..12),
            turn in 0..12_usize,
        ) {
            let pools = ["p", "q", "r"];
            let entitlements = ["", "a", "b", "c", "d", "e"];
            let ids: Vec<String> = (0..old.len()).map(|n| format!("{n:02}")).collect();
            let olds: Vec<_> = old.iter().zip(&ids).map(|(&(p, e, quantity), id)| Existing {
                id, pool: pools[p as usize], entitlement: entitlements[e as usize], quantity,
            }).collect();
            let news: Vec<_> = new.iter().map(|&(p, e, quantity)| Incoming {
                pool: pools[p as usize], entitlement: entitlements[e as usize], quantity,
            }).collect();
            let continues = reconcile(&olds, &news);
            let mut taken: Vec<_> = continues.iter().flatten().collect();
            taken.sort();
            taken.dedup();
            prop_assert_eq!(taken.len(), continues.iter().flatten().count());
            for (incoming, taken) in news.iter().zip(&continues) {
                prop_assert!(taken.is_none_or(|o| olds[o].pool == incoming.pool));
            }
            // The same in another order: equal entitlements end alike.
            let mut turned = news.clone();
            if !turned.is_empty() {
                let by = turn % turned.len();
                turned.rotate_left(by);
                let mut again = reconcile(&olds, &turned);
                again.rotate_right(by);
                let pairs = |list: &[Option<usize>]| {
                    let mut pairs: Vec<_> = news.iter().zip(list).map(|(n, o)| (n.pool, n.entitlement, n.quantity, *o)).collect();
                    pairs.sort();
                    pairs
                };
                prop_assert_eq!(pairs(&again), pairs(&continues));
            }
        }
    }
}
