import { expect, test } from 'vitest';
import { newHall, newPlaceOf, placePatchOf, placeValuesOf } from './placeValues';

const PLACE = {
  id: 'a',
  name: 'Opera',
  address: '1 Ring',
  country: 'Austria',
  time_zone: 'Europe/Vienna',
  open_time: 9,
  halls: [{ name: 'Main', location: '', capacity: 100 }],
};
const VALUES = placeValuesOf(PLACE);

test('only what has changed is sent, halls all together', () => {
  expect(placePatchOf(VALUES, VALUES)).toEqual({});
  const halls = [...VALUES.halls, { ...newHall(VALUES.halls), name: 'Small', capacity: '20' }];
  expect(placePatchOf(VALUES, { ...VALUES, open_time: '', halls })).toEqual({
    open_time: null,
    halls: [
      { name: 'Main', location: '', capacity: 100 },
      { name: 'Small', location: '', capacity: 20 },
    ],
  });
});

test('each row has a key of its own, whatever was removed before', () => {
  expect(newHall([]).key).toBe(1);
  expect(newHall([{ key: 7, name: '', location: '', capacity: '' }]).key).toBe(8);
});

test('hours that are not said are not known', () => {
  expect(newPlaceOf(VALUES)).toMatchObject({ open_time: 9, close_time: null });
});
