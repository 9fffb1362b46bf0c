//! Waits for the first of several things of different crates, beside a plain model of them all.
#[path = "../../crates/wire-wait/tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;

use common::Rng;
use common::model::{self, Model, PUPPETS, Stage};
use libwire::channel::{Channel, Closed, Oneshot, RecvError, SendError};
use libwire::lock::{Mutex, MutexGuard, Permit, Semaphore, WaitGroup};
use libwire::wait::{Source, Wakeup, on, try_any, wait, wait_any};
use libwire::{Interrupt, check_interrupt};

/// What one can wait for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    ToReceive,
    ToSend,
    Mutex,
    Permit,
    Wakeup,
    /// The wait group.
    Empty,
    Oneshot,
}

const WHAT: [What; 7] = [
    What::ToReceive,
    What::ToSend,
    What::Mutex,
    What::Permit,
    What::Wakeup,
    What::Empty,
    What::Oneshot,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    /// For the first of these, in this order; what is to be sent is this.
    Any([What; 3], u32),
    TryAny([What; 3], u32),
    /// For just one, by the call that is made for that.
    One(What, u32),
    Unlock,
    GiveBack,
    AddPermit,
    Resume,
    Reset,
    Enter,
    Done,
    SendOnce(u32),
    Close,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Received(u32),
    Sent,
    /// By a channel that is closed.
    Refused(u32),
    Closed,
    /// With what it says.
    Locked(u32),
    Permitted,
    Woken,
    Empty,
    Nothing,
    Interrupted(Interrupt),
    Done,
    /// It would wait for itself.
    Skipped,
}

struct Real {
    channel: Channel<u32, 1>,
    mutex: Mutex<u32>,
    semaphore: Semaphore,
    wakeup: Wakeup,
    group: WaitGroup,
    oneshot: Oneshot<u32>,
}

impl Default for Real {
    fn default() -> Real {
        Real {
            channel: Channel::bounded(),
            mutex: Mutex::new(0),
            semaphore: Semaphore::new(0),
            wakeup: Wakeup::new(),
            group: WaitGroup::new(),
            oneshot: Oneshot::new(),
        }
    }
}

/// Dropped in this order.
#[derive(Default)]
struct Held {
    guard: Option<MutexGuard<'static, u32>>,
    permits: Vec<Permit<'static>>,
    entered: usize,
}

/// What an arm gives.
enum Item {
    Plain(Outcome),
    Guard(MutexGuard<'static, u32>),
    Permit(Permit<'static>),
}

impl Held {
    fn keep(&mut self, item: Item) -> Outcome {
        match item {
            Item::Plain(outcome) => outcome,
            Item::Guard(mut guard) => {
                let before = *guard;
                *guard += 1;
                self.guard = Some(guard);
                Outcome::Locked(before)
            }
            Item::Permit(permit) => {
                self.permits.push(permit);
                Outcome::Permitted
            }
        }
    }
}

fn received(result: Result<u32, Closed>) -> Item {
    Item::Plain(result.map_or(Outcome::Closed, Outcome::Received))
}

fn sent(result: Result<(), SendError<u32>>) -> Item {
    let refused = |error: SendError<u32>| Outcome::Refused(error.value);
    Item::Plain(result.map_or_else(refused, |()| Outcome::Sent))
}

fn any(
    real: &'static Real,
    order: [What; 3],
    number: u32,
    waits: bool,
) -> Result<Option<Item>, Interrupt> {
    let sending = real.channel.sending(number);
    let (mutex, semaphore) = (&real.mutex, &real.semaphore);
    let to_receive = on(&real.channel, received);
    let to_send = on(&sending, sent);
    let lock = on(&mutex, Item::Guard);
    let permit = on(&semaphore, Item::Permit);
    let wakeup = on(&real.wakeup, |()| Item::Plain(Outcome::Woken));
    let empty = on(&real.group, |()| Item::Plain(Outcome::Empty));
    let oneshot = on(&real.oneshot, received);
    let arms = order.map(|what| -> &dyn libwire::wait::Arm<Item> {
        match what {
            What::ToReceive => &to_receive,
            What::ToSend => &to_send,
            What::Mutex => &lock,
            What::Permit => &permit,
            What::Wakeup => &wakeup,
            What::Empty => &empty,
            What::Oneshot => &oneshot,
        }
    });
    match waits {
        true => wait_any(&arms).map(Some),
        false => Ok(try_any(&arms)),
    }
}

fn one(real: &'static Real, what: What, number: u32) -> Result<Item, Interrupt> {
    let why = |error| match error {
        RecvError::Interrupted(why) => Err(why),
        _ => Ok(Item::Plain(Outcome::Closed)),
    };
    let got = |number| Ok(Item::Plain(Outcome::Received(number)));
    match what {
        What::ToReceive => real.channel.recv().map_or_else(why, got),
        What::ToSend => match real.channel.send(number) {
            Err(error) => match error.why {
                libwire::channel::Refusal::Interrupted(why) => Err(why),
                _ => Ok(sent(Err(error))),
            },
            Ok(()) => Ok(sent(Ok(()))),
        },
        What::Mutex => real.mutex.lock().map(Item::Guard),
        What::Permit => real.semaphore.acquire().map(Item::Permit),
        What::Wakeup => real.wakeup.wait().map(|()| Item::Plain(Outcome::Woken)),
        What::Empty => wait(&real.group).map(|()| Item::Plain(Outcome::Empty)),
        What::Oneshot => real.oneshot.recv().map_or_else(why, got),
    }
}

/// In the order of [`WHAT`]: who waits for what. What it has is free only while nobody waits for it.
#[derive(Default)]
struct Plain {
    waiting: [VecDeque<usize>; WHAT.len()],
    numbers: [u32; PUPPETS],
    message: Option<u32>,
    closed: bool,
    holder: Option<usize>,
    locked: u32,
    permits: usize,
    triggered: bool,
    under_way: usize,
    once: Option<u32>,
    once_closed: bool,
    holds: [usize; PUPPETS],
    entered: [usize; PUPPETS],
}

impl Plain {
    fn forget(&mut self, who: usize) {
        for queue in &mut self.waiting {
            queue.retain(|&other| other != who);
        }
    }

    fn serve(&mut self, who: usize, outcome: Outcome, stage: &mut Stage<Self>) {
        self.forget(who);
        stage.serve(who, outcome);
    }

    /// What `who` wants of this, if it can have it.
    fn take(&mut self, who: usize, what: What, stage: &mut Stage<Self>) -> Option<Outcome> {
        match what {
            What::ToReceive => {
                let Some(number) = self.message.take() else {
                    return self.closed.then_some(Outcome::Closed);
                };
                if let Some(&sender) = self.waiting[What::ToSend as usize].front() {
                    self.message = Some(self.numbers[sender]);
                    self.serve(sender, Outcome::Sent, stage);
                }
                Some(Outcome::Received(number))
            }
            What::ToSend => {
                let number = self.numbers[who];
                if self.closed {
                    return Some(Outcome::Refused(number));
                }
                if let Some(&receiver) = self.waiting[What::ToReceive as usize].front() {
                    self.serve(receiver, Outcome::Received(number), stage);
                } else if self.message.is_none() {
                    self.message = Some(number);
                } else {
                    return None;
                }
                Some(Outcome::Sent)
            }
            What::Mutex => {
                if self.holder.is_some() {
                    return None;
                }
                self.holder = Some(who);
                self.locked += 1;
                Some(Outcome::Locked(self.locked - 1))
            }
            What::Permit => {
                self.permits = self.permits.checked_sub(1)?;
                self.holds[who] += 1;
                Some(Outcome::Permitted)
            }
            What::Wakeup => self.triggered.then_some(Outcome::Woken),
            What::Empty => (self.under_way == 0).then_some(Outcome::Empty),
            What::Oneshot => match self.once.take() {
                Some(number) => Some(Outcome::Received(number)),
                None => self.once_closed.then_some(Outcome::Closed),
            },
        }
    }

    /// Lets those have it who wait, as long as there is something.
    fn hand_out(&mut self, what: What, stage: &mut Stage<Self>) {
        while let Some(&who) = self.waiting[what as usize].front()
            && let Some(outcome) = self.take(who, what, stage)
        {
            self.serve(who, outcome, stage);
        }
    }

    fn first(&mut self, who: usize, order: &[What], stage: &mut Stage<Self>) -> Option<Outcome> {
        order.iter().find_map(|&what| self.take(who, what, stage))
    }

    fn wait(&mut self, who: usize, order: &[What], stage: &mut Stage<Self>) -> Option<Outcome> {
        let outcome = self.first(who, order, stage);
        if outcome.is_none() {
            for &what in order {
                self.waiting[what as usize].push_back(who);
            }
        }
        outcome
    }

    fn unlock(&mut self, who: usize, stage: &mut Stage<Self>) {
        if self.holder == Some(who) {
            self.holder = None;
            self.hand_out(What::Mutex, stage);
        }
    }

    fn give_back(&mut self, who: usize, stage: &mut Stage<Self>) {
        if self.holds[who] > 0 {
            self.holds[who] -= 1;
            self.permits += 1;
            self.hand_out(What::Permit, stage);
        }
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = Held;
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, nth: u32) -> Op {
        let a = rng.below(WHAT.len());
        let b = (a + 1 + rng.below(3)) % WHAT.len();
        let c = (a + 4 + rng.below(3)) % WHAT.len();
        let order = [a, b, c].map(|index| WHAT[index]);
        match rng.below(32) {
            0..10 => Op::Any(order, nth),
            10 | 11 => Op::TryAny(order, nth),
            12..18 => Op::One(order[0], nth),
            18..21 => Op::Unlock,
            21..23 => Op::GiveBack,
            23 | 24 => Op::AddPermit,
            25 => Op::Resume,
            26 => Op::Reset,
            27 => Op::Enter,
            28..30 => Op::Done,
            30 => Op::SendOnce(nth),
            _ if rng.one_in(3) => Op::Close,
            _ => Op::Enter,
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(order, number) => order.map(|what| Op::One(what, number)).into(),
            Op::TryAny(order, number) => vec![Op::Any(order, number)],
            _ => vec![],
        }
    }

    fn act(real: &'static Real, held: &mut Held, op: Op) -> Outcome {
        let item = match op {
            Op::Any(order, number) => any(real, order, number, true),
            Op::TryAny(order, number) => any(real, order, number, false),
            // Whether it unwinds or would panic instead does not matter here.
            Op::One(What::Mutex, _) if held.guard.is_some() => return Outcome::Skipped,
            Op::One(what, number) => one(real, what, number).map(Some),
            _ => Ok(Some(Item::Plain(Outcome::Done))),
        };
        match op {
            Op::Unlock => held.guard = None,
            Op::GiveBack => drop(held.permits.pop()),
            Op::AddPermit => real.semaphore.release(),
            Op::Resume => drop(real.wakeup.resume()),
            Op::Reset => real.wakeup.reset(),
            Op::Enter => {
                real.group.add(1);
                held.entered += 1;
            }
            Op::Done if held.entered > 0 => {
                held.entered -= 1;
                real.group.done();
            }
            Op::SendOnce(number) => {
                return match real.oneshot.send(number) {
                    Ok(()) => Outcome::Sent,
                    Err(number) => Outcome::Refused(number),
                };
            }
            Op::Close => real.channel.close(),
            _ => {}
        }
        match item {
            Ok(item) => item.map_or(Outcome::Nothing, |item| held.keep(item)),
            Err(why) => {
                assert_eq!(check_interrupt(), Err(why));
                Outcome::Interrupted(why)
            }
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::Any(order, number) => {
                self.numbers[who] = number;
                return self.wait(who, &order, stage);
            }
            Op::TryAny(order, number) => {
                self.numbers[who] = number;
                let outcome = self.first(who, &order, stage);
                return outcome.or(Some(Outcome::Nothing));
            }
            Op::One(What::Mutex, _) if self.holder == Some(who) => return Some(Outcome::Skipped),
            Op::One(what, number) => {
                self.numbers[who] = number;
                return self.wait(who, &[what], stage);
            }
            Op::Unlock => self.unlock(who, stage),
            Op::GiveBack => self.give_back(who, stage),
            Op::AddPermit => {
                self.permits += 1;
                self.hand_out(What::Permit, stage);
            }
            Op::Resume => {
                self.triggered = true;
                self.hand_out(What::Wakeup, stage);
            }
            Op::Reset => self.triggered = false,
            Op::Enter => {
                self.under_way += 1;
                self.entered[who] += 1;
            }
            Op::Done => {
                if self.entered[who] > 0 {
                    self.entered[who] -= 1;
                    self.under_way -= 1;
                    self.hand_out(What::Empty, stage);
                }
            }
            Op::SendOnce(number) => {
                if self.once_closed {
                    return Some(Outcome::Refused(number));
                }
                (self.once, self.once_closed) = (Some(number), true);
                self.hand_out(What::Oneshot, stage);
                return Some(Outcome::Sent);
            }
            Op::Close => {
                self.closed = true;
                self.hand_out(What::ToSend, stage);
                self.hand_out(What::ToReceive, stage);
            }
        }
        Some(Outcome::Done)
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        _stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        self.forget(who);
        Some(Outcome::Interrupted(why))
    }

    fn leave(&mut self, who: usize, stage: &mut Stage<Self>) {
        self.unlock(who, stage);
        while self.holds[who] > 0 {
            self.give_back(who, stage);
        }
        // What it entered for stays under way.
        self.entered[who] = 0;
    }

    fn compare(&self, real: &Real, over: bool) {
        let (mutex, semaphore) = (&real.mutex, &real.semaphore);
        let sending = real.channel.sending(0);
        let permits = format!("{semaphore:?}").contains("awaited: true");
        // Who is first at a mutex stands apart from its queue, and it does not tell.
        let awaited = [
            Some(!real.channel.queue().is_empty()),
            Some(!sending.queue().is_empty()),
            None,
            Some(permits),
            Some(!real.wakeup.queue().is_empty()),
            Some(!real.group.queue().is_empty()),
            Some(!real.oneshot.queue().is_empty()),
        ];
        for ((awaited, waiting), what) in awaited.into_iter().zip(&self.waiting).zip(WHAT) {
            let expected = !waiting.is_empty();
            assert_eq!(awaited.unwrap_or(expected), expected, "{what:?}");
            assert!(!over || !expected, "{what:?}");
        }
        assert_eq!(real.channel.len(), usize::from(self.message.is_some()));
        assert_eq!(mutex.is_locked(), self.holder.is_some());
        assert_eq!(semaphore.available(), self.permits);
        assert_eq!(real.group.count(), self.under_way);
    }
}

#[test]
fn the_first_of_what_different_crates_have() {
    model::check::<Plain>();
}
