/** Europe/Berlin, Central European Time: the zone as the platform knows it, and as people call it. */
export function zoneName(zone: string, locale: string): string {
  const parts = new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    timeZoneName: 'longGeneric',
  }).formatToParts();
  const name = parts.find((part) => part.type === 'timeZoneName')?.value;
  return name === undefined || name === zone ? zone : `${zone}, ${name}`;
}
