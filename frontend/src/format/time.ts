/**
 * Times as people say them. All of these take an IANA time zone; one that the browser does not know counts as UTC.
 */
type Options = Intl.DateTimeFormatOptions;

const DAY: Options = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' };
const SHORT_DAY: Options = { weekday: 'short', day: 'numeric', month: 'short' };
const HOUR: Options = { hour: 'numeric', minute: '2-digit' };
const CLOCK: Options = { timeStyle: 'short' };

const formats = new Map<string, Intl.DateTimeFormat>();

const zones = new Map<string, string>();
const VISITOR_ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export function visitorZone(): string {
  return VISITOR_ZONE;
}

export function knownZone(zone: string | undefined): string {
  const name = zone || 'UTC';
  const known = zones.get(name) ?? resolved(name);
  zones.set(name, known);
  return known;
}

function resolved(zone: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return 'UTC';
  }
}

/** Saturday, 1 June 2030 */
export function dayText(time: string, zone: string, locale: string): string {
  return format(locale, zone, DAY).format(new Date(time));
}

/** Sat, 1 Jun, with the year unless it is the present one. */
export function shortDayText(time: string, zone: string, locale: string, now = new Date()): string {
  const isThisYear = isoDay(time, zone).slice(0, 4) === isoDay(now.toISOString(), zone).slice(0, 4);
  return format(locale, zone, isThisYear ? SHORT_DAY : { ...SHORT_DAY, year: 'numeric' }).format(
    new Date(time),
  );
}

/** 18:00 */
export function clockText(time: string, zone: string, locale: string): string {
  return format(locale, zone, CLOCK).format(new Date(time));
}

/** 18:00 – 20:30. Past midnight formats would add both days, which is more than one wants to know of an evening. */
export function clockRange(start: string, end: string, zone: string, locale: string): string {
  if (isoDay(start, zone) !== isoDay(end, zone)) {
    return `${clockText(start, zone, locale)}–${clockText(end, zone, locale)}`;
  }
  return format(locale, zone, CLOCK).formatRange(new Date(start), new Date(end));
}

/** Sat, 1 Jun 2030, 18:00, for moments that need both in one line. */
export function momentText(time: string, zone: string, locale: string): string {
  const day = format(locale, zone, { ...SHORT_DAY, year: 'numeric' }).format(new Date(time));
  return `${day}, ${clockText(time, zone, locale)}`;
}

/** The same by the visitor's clock, with its zone where the place's shows something else. */
export function visitorMoment(time: string, placeZone: string | undefined, locale: string): string {
  const zone = visitorZone();
  const name = showSameClock(time, zone, knownZone(placeZone)) ? '' : ` ${zoneText(time, zone, locale)}`;
  return momentText(time, zone, locale) + name;
}

/** GMT+2, CET, MST: short, as the locale has it. */
export function zoneText(time: string, zone: string, locale: string): string {
  const parts = format(locale, zone, { timeZoneName: 'short' }).formatToParts(new Date(time));
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? zone;
}

/** The day in a zone as 2030-06-01, to group and compare by. */
export function isoDay(time: string, zone: string): string {
  return format('en-CA', zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(time));
}

export function isOneDay(start: string, end: string, zone: string): boolean {
  return isoDay(start, zone) === isoDay(end, zone) || endsByNight(start, end);
}

/** Whether clocks in both zones show the same at that moment. */
export function showSameClock(time: string, one: string, other: string): boolean {
  const wall: Options = { ...HOUR, year: 'numeric', month: 'numeric', day: 'numeric' };
  const moment = new Date(time);
  return format('en', one, wall).format(moment) === format('en', other, wall).format(moment);
}

const LONGEST_EVENING_MS = 12 * 3_600_000;

/** A concert from 21:00 to 01:00 is on one day for those who go there. */
function endsByNight(start: string, end: string): boolean {
  return Date.parse(end) - Date.parse(start) <= LONGEST_EVENING_MS;
}

/** Making a format takes far longer than using it, and lists use the same few again and again. */
function format(locale: string, zone: string, options: Options): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${JSON.stringify(options)}`;
  const known = formats.get(key);
  if (known !== undefined) {
    return known;
  }
  const made = new Intl.DateTimeFormat(locale, { ...options, timeZone: knownZone(zone) });
  formats.set(key, made);
  return made;
}
