//! Work over many items on all processors.

use std::thread;

/// `work` done on each item, in the order of the items.
pub(super) fn parallel<'a, T: Sync, R: Send>(items: &'a [T], work: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(32);
    if items.len() <= share {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let start = |part| scope.spawn(move || slice(part, work));
        let running: Vec<_> = items.chunks(share).map(start).collect();
        running.into_iter().flat_map(joined).collect()
    })
}

fn slice<'a, T, R>(items: &'a [T], work: &impl Fn(&'a T) -> R) -> Vec<R> {
    items.iter().map(work).collect()
}

fn joined<R>(thread: thread::ScopedJoinHandle<'_, Vec<R>>) -> Vec<R> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
