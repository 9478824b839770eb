import { expect, test } from 'vitest';
import { csvOf, historyCsv } from './csv';

test('cells are quoted where they have to be', () => {
  expect(csvOf([['a', 'b c', 1]])).toBe('a,b c,1\r\n');
  expect(csvOf([['a,b', 'say "hi"', 'two\nlines']])).toBe('"a,b","say ""hi""","two\nlines"\r\n');
  expect(csvOf([[undefined, '', ' a']])).toBe(',," a"\r\n');
});

test('no text becomes a formula, and numbers stay numbers', () => {
  expect(csvOf([['=1+1', '+1', '-1', '@a', -1]])).toBe("'=1+1,'+1,'-1,'@a,-1\r\n");
  expect(csvOf([['=HYPERLINK("x","y")']])).toBe('"\'=HYPERLINK(""x"",""y"")"\r\n');
  expect(csvOf([['\t=1']])).toBe("'\t=1\r\n");
});

test('a history has a head and a row for each entry', () => {
  const entry = {
    stream: 'inventory/a',
    version: 2,
    name: 'event.booked',
    time: '2030-06-01T18:00:00Z',
    actor: '=cmd',
    facts: { seats: 3 },
    capacity: 10,
    seats_sold: 3,
    seats_left: 7,
  };
  const lines = historyCsv([entry]).split('\r\n');
  expect(lines[0]).toBe('time,what,who,seats,capacity,seats_sold,seats_left,stream,version');
  expect(lines[1]).toBe("2030-06-01T18:00:00Z,event.booked,'=cmd,3,10,3,7,inventory/a,2");
  expect(lines[2]).toBe('');
});
