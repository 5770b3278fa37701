// Looks at pages: reads an order from standard input, writes what it saw to standard output, both as JSON.
//
// order  {browser, looks: [{url, width, colors, screenshot, media, colored: {name: selector}, uses}]}
// answer [{errors, requests, size, colored: {name: [{text, ground}]}, links: [{href, lands}], filters}]
'use strict';

const { readFileSync } = require('node:fs');
const { chromium } = require('playwright-core');

const HEIGHT = 900;

async function look(browser, order) {
  const context = await browser.newContext({
    viewport: { width: order.width, height: HEIGHT },
    colorScheme: order.colors,
  });
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on('console', (message) => errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('dialog', (dialog) => { errors.push(dialog.message()); return dialog.dismiss(); });
  page.on('request', (request) => requests.push(request.url()));
  await page.emulateMedia({ media: order.media, colorScheme: order.colors });
  await page.goto(order.url);
  const seen = { errors, requests };
  seen.size = await page.evaluate(sizes);
  seen.colored = await page.evaluate(colors, order.colored);
  await page.screenshot({ path: order.screenshot, fullPage: true });
  if (order.uses) {
    seen.links = await follow(page);
    seen.filters = await filter(page);
  }
  await context.close();
  return seen;
}

function sizes() {
  const wide = [...document.querySelectorAll('main *')].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.right > innerWidth + 1 && !one.closest('.box, pre, .unseen');
  });
  const head = document.querySelector('.rows thead th');
  return {
    document: document.documentElement.scrollWidth,
    window: innerWidth,
    wide: wide.map((one) => one.outerHTML.slice(0, 80)),
    head: head ? getComputedStyle(head).position : null,
  };
}

// Returns the colours of text and of what is behind it, as the browser computed them, of every element that fits.
function colors(selectors) {
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)' && color !== 'transparent') return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const pairs = (selector) => {
    const found = [...document.querySelectorAll(selector)].map((element) =>
      JSON.stringify({ text: getComputedStyle(element).color, ground: ground(element) }));
    return [...new Set(found)].map((pair) => JSON.parse(pair));
  };
  return Object.fromEntries(Object.entries(selectors).map(([name, selector]) => [name, pairs(selector)]));
}

async function follow(page) {
  const links = [];
  for (const link of await page.locator('main a').all()) {
    const href = await link.getAttribute('href');
    await link.click();
    const lands = await page.evaluate((id) => {
      const target = document.getElementById(id);
      if (!target || location.hash !== `#${id}`) return false;
      const box = target.getBoundingClientRect();
      const isAtEnd = Math.ceil(scrollY + innerHeight) >= document.documentElement.scrollHeight;
      return Math.abs(box.top) < 40 || (isAtEnd && box.top < innerHeight);
    }, href.slice(1));
    links.push({ href, lands });
  }
  return links;
}

async function filter(page) {
  const filters = {};
  for (const kind of ['added', 'removed', 'changed']) {
    const box = page.locator(`#show-${kind}`);
    if (!(await box.count())) continue;
    const visible = () => page.locator(`tr.${kind}:visible`).count();
    const before = await visible();
    await box.uncheck();
    filters[kind] = [before, await visible()];
    await box.check();
  }
  return filters;
}

async function main() {
  const order = JSON.parse(readFileSync(0, 'utf-8'));
  const browser = await chromium.launch({
    executablePath: order.browser,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  const seen = [];
  for (const one of order.looks) seen.push(await look(browser, one));
  await browser.close();
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => { console.error(error); process.exit(1); });
