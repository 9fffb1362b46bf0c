//! The real channels, as `channels` uses them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use wire_channel::{Channel, Closed, RecvError, SendError, TryRecvError};
use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::{Source, on, try_any, wait_any};

use crate::message::{Count, Message};
use crate::ops::{Arm, How, Op, Outcome};

static INSIDE: Kind = Kind::new("inside a receiver");
static LOITERING: Kind = Kind::new("nothing");

#[derive(Default)]
pub(crate) struct Real<const N: usize> {
    pub(crate) channels: [Channel<Message, N>; 2],
    inside: WaitQueue,
    pub(crate) messages: Count,
}

impl<const N: usize> Drop for Real<N> {
    fn drop(&mut self) {
        self.channels = Default::default();
        assert_eq!(self.messages.left(), 0, "messages were lost");
    }
}

fn sent(index: usize, result: Result<(), SendError<Message>>) -> Outcome {
    match result {
        Ok(()) => Outcome::Sent(index),
        Err(error) => Outcome::Refused(error.value.number, error.why),
    }
}

fn got(index: usize, result: Result<Message, Closed>) -> Outcome {
    match result {
        Ok(message) => Outcome::Got(index, message.number),
        Err(Closed) => Outcome::GotNothing(RecvError::Closed),
    }
}

impl<const N: usize> Real<N> {
    pub(crate) fn act(&'static self, op: Op) -> Outcome {
        let channels = &self.channels;
        match op {
            Op::Send(index, number) => {
                sent(index, channels[index].send(self.messages.message(number)))
            }
            Op::TrySend(index, number) => {
                let message = self.messages.message(number);
                sent(index, channels[index].try_send(message))
            }
            Op::Recv(_, How::Iterates) if std::thread::panicking() => Outcome::Skipped,
            Op::Recv(index, how) => self.recv(index, how),
            Op::TryRecv(index) => match channels[index].try_recv() {
                Ok(message) => Outcome::Got(index, message.number),
                Err(TryRecvError::Empty) => Outcome::Nothing,
                Err(TryRecvError::Closed) => Outcome::GotNothing(RecvError::Closed),
            },
            Op::Any(arms) => self.any(arms, true),
            Op::TryAny(arms) => self.any(arms, false),
            Op::Close(index) => {
                channels[index].close();
                Outcome::Done
            }
            Op::LetGo => {
                self.inside.wake_one();
                Outcome::Done
            }
            Op::Nudge(index, sends) => {
                self.with_queue(index, sends, |queue| queue.wake_one());
                Outcome::Done
            }
            Op::Loiter(index, sends) => {
                let wait = |queue: &WaitQueue| queue.wait(Reason::new(&LOITERING));
                let result = self.with_queue(index, sends, wait);
                result.map_or_else(Outcome::Interrupted, |()| Outcome::Done)
            }
        }
    }

    fn with_queue<T>(&self, index: usize, sends: bool, f: impl FnOnce(&WaitQueue) -> T) -> T {
        let channel = &self.channels[index];
        match sends {
            true => f(channel.sending(self.messages.message(0)).queue()),
            false => f(channel.queue()),
        }
    }

    pub(crate) fn nobody_sends(&self, index: usize) -> bool {
        self.with_queue(index, true, WaitQueue::is_empty)
    }

    fn recv(&'static self, index: usize, how: How) -> Outcome {
        let channel = &self.channels[index];
        let in_place = |f: &mut dyn FnMut(&mut Message) -> Outcome| {
            // Only channels without room have it.
            let channel: &Channel<Message> = (channel as &dyn Any).downcast_ref().unwrap();
            channel.recv_with(f).unwrap_or_else(Outcome::GotNothing)
        };
        match how {
            How::Takes => match channel.recv() {
                Ok(message) => Outcome::Got(index, message.number),
                Err(error) => Outcome::GotNothing(error),
            },
            How::Iterates => match catch_unwind(AssertUnwindSafe(|| channel.iter().next())) {
                Ok(next) => got(index, next.ok_or(Closed)),
                Err(payload) if Interrupt::is_payload(&*payload) => Outcome::Unwound,
                Err(payload) => resume_unwind(payload),
            },
            How::LooksAtIt => in_place(&mut |message| Outcome::Got(index, message.number)),
            How::WaitsWithIt => in_place(&mut |message| {
                let result = self.inside.wait(Reason::on(&INSIDE, &self.inside));
                Outcome::Waited(message.number, result)
            }),
            How::PanicsWithIt => {
                let mut panics = |message: &mut Message| resume_unwind(Box::new(message.number));
                match catch_unwind(AssertUnwindSafe(|| in_place(&mut panics))) {
                    Ok(outcome) => outcome,
                    Err(payload) => Outcome::Panicked(*payload.downcast().unwrap()),
                }
            }
        }
    }

    fn any(&self, arms: [Arm; 2], waits: bool) -> Outcome {
        let sending = arms.map(|(index, number)| {
            let message = self.messages.message(number?);
            Some(self.channels[index].sending(message))
        });
        let send = [0, 1].map(|nth| {
            let index = arms[nth].0;
            let sending = sending[nth].as_ref()?;
            Some(on(sending, move |result| sent(index, result)))
        });
        let receive =
            arms.map(|(index, _)| on(&self.channels[index], move |item| got(index, item)));
        let [first, second]: [&dyn wire_wait::Arm<Outcome>; 2] =
            [0, 1].map(|nth| match &send[nth] {
                Some(arm) => arm as _,
                None => &receive[nth] as _,
            });
        if waits {
            wait_any(&[first, second]).unwrap_or_else(Outcome::Interrupted)
        } else {
            try_any(&[first, second]).unwrap_or(Outcome::Nothing)
        }
    }
}
