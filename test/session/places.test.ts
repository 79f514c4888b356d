// How many sessions have a backend at once: who sleeps for whom, and who waits how long.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Places, type Seeker } from '../../src/session/places.js';

/** A session, as its place sees it. */
class Guest implements Seeker {
  canSleep = false;
  usedAt = 0;
  /** How often it was told that it has a place. */
  told = 0;
  slept = 0;
  readonly #places: Places;
  #ends: (() => void)[] = [];

  constructor(places: Places) {
    this.#places = places;
  }

  sleep(): void {
    this.slept += 1;
    this.leave();
  }

  /** It needs no place; its processes live on until `gone`. */
  leave(): void {
    this.canSleep = false;
    this.#places.leave(this, new Promise((resolve) => this.#ends.push(resolve)));
  }

  async gone(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await settled();
  }

  onPlace(): void {
    this.told += 1;
  }
}

/** What follows from a promise has followed. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** `most` places, and so many who want one. */
function open(most: number, count: number): { places: Places; guests: Guest[] } {
  const places = new Places(most);
  return { places, guests: Array.from({ length: count }, () => new Guest(places)) };
}

function the(guests: readonly Guest[], n: number): Guest {
  return guests[n] ?? expect.unreachable();
}

const toldTo = (guests: readonly Guest[]) => guests.map(({ told }) => told);

describe('a place', () => {
  test('is given at once while there is one, and only once to each [session.idle]', () => {
    const { places, guests } = open(2, 2);
    expect(guests.map((guest) => places.ask(guest))).toEqual([true, true]);
    expect(guests.map((guest) => places.ask(guest))).toEqual([true, true]);
    expect(places.waiting).toBe(0);
    expect(toldTo(guests)).toEqual([0, 0]);
  });

  test('is given up by the one that was used least lately of those that may sleep [session.idle]', async () => {
    const { places, guests } = open(3, 4);
    for (const [i, usedAt] of [20, 10, 30].entries()) {
      const guest = the(guests, i);
      guest.usedAt = usedAt;
      guest.canSleep = true;
      places.ask(guest);
    }
    the(guests, 1).canSleep = false;
    expect(places.ask(the(guests, 3))).toBe(false);
    expect(guests.map(({ slept }) => slept)).toEqual([1, 0, 0, 0]);
    await the(guests, 0).gone();
    expect(toldTo(guests)).toEqual([0, 0, 0, 1]);
  });

  test('is free when the processes of the one that has left it are gone, not before [session.idle]', async () => {
    const { places, guests } = open(1, 2);
    const [one, other] = [the(guests, 0), the(guests, 1)];
    places.ask(one);
    one.leave();
    expect(places.ask(other)).toBe(false);
    await settled();
    expect(other.told).toBe(0);
    await one.gone();
    expect(other.told).toBe(1);
    expect(places.waiting).toBe(0);
  });

  test('that somebody is leaving is not left by a second one for the same newcomer', async () => {
    const { places, guests } = open(2, 4);
    const [one, other] = [the(guests, 0), the(guests, 1)];
    for (const guest of [one, other]) {
      guest.canSleep = true;
      places.ask(guest);
    }
    places.ask(the(guests, 2));
    places.offer();
    places.ask(the(guests, 2));
    expect([one.slept, other.slept]).toEqual([1, 0]);
    places.ask(the(guests, 3));
    expect([one.slept, other.slept]).toEqual([1, 1]);
  });

  test('is given back to the one that has left it and wants it meanwhile, when its processes are gone', async () => {
    const { places, guests } = open(1, 1);
    const one = the(guests, 0);
    places.ask(one);
    one.leave();
    expect(places.ask(one)).toBe(false);
    await one.gone();
    expect(one.told).toBe(1);
    expect(places.ask(one)).toBe(true);
  });

  test('is another one for the one that wants it back, where there is one', async () => {
    const { places, guests } = open(2, 2);
    const one = the(guests, 0);
    places.ask(one);
    one.leave();
    expect(places.ask(one)).toBe(true);
    expect(places.ask(the(guests, 1))).toBe(false);
    await one.gone();
    expect(toldTo(guests)).toEqual([0, 1]);
  });

  test('is waited for where nobody may sleep, in the order in which it was asked for', async () => {
    const { places, guests } = open(1, 4);
    expect(guests.map((guest) => places.ask(guest))).toEqual([true, false, false, false]);
    expect(guests.map((guest) => places.isWaiting(guest))).toEqual([false, true, true, true]);
    expect(places.waiting).toBe(3);
    for (const [i, guest] of guests.entries()) {
      expect(guest.told).toBe(i === 0 ? 0 : 1);
      guest.leave();
      await guest.gone();
    }
    expect(places.waiting).toBe(0);
  });

  test('that is offered goes to the one that has waited longest', async () => {
    const { places, guests } = open(1, 3);
    for (const guest of guests) places.ask(guest);
    places.offer();
    expect(the(guests, 0).slept).toBe(0);
    the(guests, 0).canSleep = true;
    places.offer();
    expect(the(guests, 0).slept).toBe(1);
    await the(guests, 0).gone();
    expect(toldTo(guests)).toEqual([0, 1, 0]);
  });

  test('is not given up while nobody waits', () => {
    const { places, guests } = open(1, 1);
    const guest = the(guests, 0);
    places.ask(guest);
    guest.canSleep = true;
    places.offer();
    expect(guest.slept).toBe(0);
  });

  test('is not kept for one that has stopped waiting', async () => {
    const { places, guests } = open(1, 3);
    for (const guest of guests) places.ask(guest);
    the(guests, 1).leave();
    expect(places.isWaiting(the(guests, 1))).toBe(false);
    the(guests, 0).leave();
    await the(guests, 0).gone();
    expect(toldTo(guests)).toEqual([0, 0, 1]);
  });

  test('is left without harm by one that has none', () => {
    const { places, guests } = open(1, 2);
    the(guests, 1).leave();
    expect(places.ask(the(guests, 0))).toBe(true);
    the(guests, 1).leave();
    expect(places.ask(the(guests, 1))).toBe(false);
  });

  test('is given to nobody who has waited for it when the bridge stops [cli.stop]', async () => {
    const { places, guests } = open(1, 2);
    for (const guest of guests) places.ask(guest);
    places.close();
    the(guests, 0).leave();
    await the(guests, 0).gone();
    expect(toldTo(guests)).toEqual([0, 0]);
  });
});

/** What may happen to one of the guests. */
const DEEDS = ['ask', 'leave', 'gone', 'offer', 'rest', 'stir', 'use'] as const;

describe('whatever happens', () => {
  test('there are never more than `most`, nobody is in two queues, and no place is free while somebody waits', async () => {
    const deed = fc.record({ what: fc.constantFrom(...DEEDS), who: fc.nat(5) });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(deed, { maxLength: 60, size: 'max' }),
        async (most, deeds) => {
          const model = new Model(most);
          for (const { what, who } of deeds) await model.act(what, who);
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

  async act(what: (typeof DEEDS)[number], who: number): Promise<void> {
    const guest = this.#guests[who] ?? expect.unreachable();
    this.#clock += 1;
    switch (what) {
      case 'ask':
        this.#ask(guest);
        break;
      case 'leave':
        guest.leave();
        break;
      case 'gone':
        await guest.gone();
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
    const sum = (count: (guest: Tracked) => number) => this.#guests.reduce((n, each) => n + count(each), 0);
    const used = sum(({ hasPlace, leaving }) => Number(hasPlace) + leaving);
    const waiting = this.#guests.filter((guest) => this.#places.isWaiting(guest));
    expect({
      isTooMany: used > this.#most,
      isWasted: this.queue.length > 0 && used < this.#most,
      isMiscounted: this.#places.waiting !== this.queue.length,
      isMisplaced:
        waiting.length !== this.queue.length || !this.queue.every((each) => waiting.includes(each)),
    }).toEqual({ isTooMany: false, isWasted: false, isMiscounted: false, isMisplaced: false });
  }
}

class Tracked extends Guest {
  hasPlace = false;
  /** Places that it has left and whose processes are not gone. */
  leaving = 0;
  readonly #model: Model;

  constructor(places: Places, model: Model) {
    super(places);
    this.#model = model;
  }

  override sleep(): void {
    expect([this.hasPlace, this.canSleep]).toEqual([true, true]);
    super.sleep();
  }

  override leave(): void {
    const { queue } = this.#model;
    if (this.hasPlace) this.leaving += 1;
    this.hasPlace = false;
    if (queue.includes(this)) queue.splice(queue.indexOf(this), 1);
    super.leave();
  }

  override gone(): Promise<void> {
    this.leaving = 0;
    return super.gone();
  }

  override onPlace(): void {
    expect(this.#model.queue.shift()).toBe(this);
    this.hasPlace = true;
  }
}
