// How many sessions have a backend at once: who sleeps for whom, and who waits how long.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Places, type Seeker } from '../../src/session/places.js';

/** A session, as its place sees it. */
class Guest implements Seeker {
  canSleep = false;
  usedAt = 0;
  /** It was told that it has a place, and has not left it since. */
  told = 0;
  slept = 0;
  readonly #places: Places;

  constructor(places: Places) {
    this.#places = places;
  }

  sleep(): void {
    this.slept += 1;
    this.canSleep = false;
    this.#places.leave(this);
  }

  onPlace(): void {
    this.told += 1;
  }
}

/** `most` places, and so many who want one. */
function open(most: number, count: number): { places: Places; guests: Guest[] } {
  const places = new Places(most);
  return { places, guests: Array.from({ length: count }, () => new Guest(places)) };
}

function the(guests: readonly Guest[], n: number): Guest {
  return guests[n] ?? expect.unreachable();
}

describe('a place', () => {
  test('is given at once while there is one, and only once to each [session.idle]', () => {
    const { places, guests } = open(2, 2);
    expect(guests.map((guest) => places.ask(guest))).toEqual([true, true]);
    expect(guests.map((guest) => places.ask(guest))).toEqual([true, true]);
    expect(places.waiting).toBe(0);
    expect(guests.map(({ told }) => told)).toEqual([0, 0]);
  });

  test('is given up by the one that was used least lately of those that may sleep [session.idle]', () => {
    const { places, guests } = open(3, 4);
    for (const [i, usedAt] of [20, 10, 30].entries()) {
      const guest = the(guests, i);
      guest.usedAt = usedAt;
      guest.canSleep = true;
      places.ask(guest);
    }
    the(guests, 1).canSleep = false;
    expect(places.ask(the(guests, 3))).toBe(true);
    expect(guests.map(({ slept }) => slept)).toEqual([1, 0, 0, 0]);
    expect(the(guests, 3).told).toBe(0);
  });

  test('is waited for where nobody may sleep, in the order in which it was asked for', () => {
    const { places, guests } = open(1, 4);
    expect(guests.map((guest) => places.ask(guest))).toEqual([true, false, false, false]);
    expect(guests.map((guest) => places.isWaiting(guest))).toEqual([false, true, true, true]);
    expect(places.waiting).toBe(3);
    for (const [i, guest] of guests.entries()) {
      expect(guest.told).toBe(i === 0 ? 0 : 1);
      places.leave(guest);
    }
    expect(places.waiting).toBe(0);
  });

  test('that is offered goes to the one that has waited longest', () => {
    const { places, guests } = open(1, 3);
    for (const guest of guests) places.ask(guest);
    places.offer();
    expect(guests.map(({ told }) => told)).toEqual([0, 0, 0]);
    the(guests, 0).canSleep = true;
    places.offer();
    expect(the(guests, 0).slept).toBe(1);
    expect(guests.map(({ told }) => told)).toEqual([0, 1, 0]);
  });

  test('is not given up while nobody waits', () => {
    const { places, guests } = open(1, 1);
    const guest = the(guests, 0);
    places.ask(guest);
    guest.canSleep = true;
    places.offer();
    expect(guest.slept).toBe(0);
  });

  test('is not kept for one that has stopped waiting', () => {
    const { places, guests } = open(1, 3);
    for (const guest of guests) places.ask(guest);
    places.leave(the(guests, 1));
    expect(places.isWaiting(the(guests, 1))).toBe(false);
    places.leave(the(guests, 0));
    expect(guests.map(({ told }) => told)).toEqual([0, 0, 1]);
  });

  test('that is free before the one that waits asks again is not taken twice by it', () => {
    const { places, guests } = open(1, 3);
    for (const guest of guests) places.ask(guest);
    the(guests, 0).canSleep = true;
    // Nobody has offered yet; the one that waits asks again, as for a new generation.
    expect(places.ask(the(guests, 1))).toBe(true);
    expect(places.isWaiting(the(guests, 1))).toBe(false);
    places.leave(the(guests, 1));
    expect(the(guests, 2).told).toBe(1);
  });

  test('is left without harm by one that has none', () => {
    const { places, guests } = open(1, 2);
    places.leave(the(guests, 1));
    expect(places.ask(the(guests, 0))).toBe(true);
    places.leave(the(guests, 1));
    expect(places.ask(the(guests, 1))).toBe(false);
  });
});

/** What may happen to one of the guests. */
const DEEDS = ['ask', 'leave', 'offer', 'rest', 'stir', 'use'] as const;

describe('whatever happens', () => {
  test('there are never more than `most`, nobody is in two queues, and no place is free while somebody waits', () => {
    const deed = fc.record({ what: fc.constantFrom(...DEEDS), who: fc.nat(5) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(deed, { maxLength: 60, size: 'max' }),
        (most, deeds) => {
          const model = new Model(most);
          for (const { what, who } of deeds) model.act(what, who);
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Places beside what is to be true of them. */
class Model {
  readonly #places: Places;
  readonly #guests: Tracked[];
  readonly #most: number;
  /** Who waits, longest first. */
  readonly queue: Tracked[] = [];
  #clock = 0;

  constructor(most: number) {
    this.#most = most;
    this.#places = new Places(most);
    this.#guests = Array.from({ length: 6 }, () => new Tracked(this.#places, this));
  }

  act(what: (typeof DEEDS)[number], who: number): void {
    const guest = this.#guests[who] ?? expect.unreachable();
    this.#clock += 1;
    switch (what) {
      case 'ask':
        this.#ask(guest);
        break;
      case 'leave':
        guest.leave();
        break;
      case 'offer':
        this.#places.offer();
        break;
      case 'rest':
        guest.canSleep = guest.hasPlace;
        break;
      case 'stir':
        guest.canSleep = false;
        break;
      case 'use':
        guest.usedAt = this.#clock;
    }
    this.#check();
  }

  #ask(guest: Tracked): void {
    if (!guest.hasPlace && !this.queue.includes(guest)) this.queue.push(guest);
    if (!this.#places.ask(guest) || guest.hasPlace) return;
    guest.hasPlace = true;
    // Whoever waited longer comes first.
    expect(this.queue.shift()).toBe(guest);
  }

  #check(): void {
    const taken = this.#guests.filter(({ hasPlace }) => hasPlace).length;
    const waiting = this.#guests.filter((guest) => this.#places.isWaiting(guest));
    expect({
      isTooMany: taken > this.#most,
      isWasted: this.queue.length > 0 && taken < this.#most,
      isMiscounted: this.#places.waiting !== this.queue.length,
      isMisplaced:
        waiting.length !== this.queue.length || !this.queue.every((each) => waiting.includes(each)),
    }).toEqual({ isTooMany: false, isWasted: false, isMiscounted: false, isMisplaced: false });
  }
}

class Tracked implements Seeker {
  canSleep = false;
  usedAt = 0;
  hasPlace = false;
  readonly #places: Places;
  readonly #model: Model;

  constructor(places: Places, model: Model) {
    this.#places = places;
    this.#model = model;
  }

  sleep(): void {
    expect(this.hasPlace).toBe(true);
    expect(this.canSleep).toBe(true);
    this.leave();
  }

  leave(): void {
    const { queue } = this.#model;
    this.canSleep = false;
    this.hasPlace = false;
    if (queue.includes(this)) queue.splice(queue.indexOf(this), 1);
    this.#places.leave(this);
  }

  onPlace(): void {
    expect(this.#model.queue[0]).toBe(this);
    this.#model.queue.shift();
    this.hasPlace = true;
  }
}
