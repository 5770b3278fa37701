// Looks at pages: reads an order from standard input, writes what it saw to standard output, both as JSON.
//
// order  {browser, looks: [{url, width, colors, screenshot, media, colored, drawn: {name: selector}, uses}]}
// answer [{errors, requests, size, colored, drawn: {name: [{text, ground}]}, boxes: [{name, hides, start, end}],
//          paper: {controls, links, markers, folded, cut}, links: [{href, lands}], filters}]
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
  seen.drawn = await page.evaluate(shapes, order.drawn);
  seen.boxes = await page.evaluate(boxes);
  if (order.media === 'print') seen.paper = await page.evaluate(paper);
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

// Returns the colours that shapes have on what is behind them, opacity counted in.
function shapes(selectors) {
  const numbers = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [red, green, blue, alpha = 1] = numbers(getComputedStyle(one).backgroundColor);
      if (alpha === 1) return [red, green, blue];
    }
    return [255, 255, 255];
  };
  const pairs = (selector) => {
    const found = [...document.querySelectorAll(selector)].map((element) => {
      const style = getComputedStyle(element);
      const isLine = element instanceof SVGElement && style.fill === 'none';
      const color = element instanceof SVGElement ? (isLine ? style.stroke : style.fill) : style.backgroundColor;
      const behind = ground(element.parentElement);
      const mixed = numbers(color).slice(0, 3).map((part, at) => Math.round(part * style.opacity + behind[at] * (1 - style.opacity)));
      return JSON.stringify({ text: `rgb(${mixed.join(', ')})`, ground: `rgb(${behind.join(', ')})` });
    });
    return [...new Set(found)].map((pair) => JSON.parse(pair));
  };
  return Object.fromEntries(Object.entries(selectors).map(([name, selector]) => [name, pairs(selector)]));
}

// Returns, for every box, where it hides more of its table, and how far it fades there: before and after it is scrolled.
async function boxes() {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const fades = (box) => {
    const style = getComputedStyle(box);
    const used = style.maskImage !== 'none';
    return ['--fade-right', '--fade-bottom'].map((name) => (used ? parseFloat(style.getPropertyValue(name)) || 0 : 0));
  };
  const found = [];
  for (const box of document.querySelectorAll('.box')) {
    if (!box.checkVisibility()) continue;
    const hides = [box.scrollWidth - box.clientWidth > 1, box.scrollHeight - box.clientHeight > 1];
    const start = fades(box);
    box.scrollTo(box.scrollWidth, box.scrollHeight);
    await drawn();
    const end = fades(box);
    box.scrollTo(0, 0);
    found.push({ name: box.querySelector('caption').textContent, hides, start, end });
  }
  await drawn();
  return found;
}

// Returns what is of no use on paper, and what paper would not show.
function paper() {
  const all = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
  const said = (found) => found.map((one) => one.outerHTML.slice(0, 80));
  const isMarked = (link) => {
    const [style, around] = [getComputedStyle(link), getComputedStyle(link.parentElement)];
    return style.textDecorationLine !== 'none' || style.color !== around.color;
  };
  return {
    controls: said(all('input, button, select')),
    links: said(all('a').filter(isMarked)),
    markers: said(all('summary').filter((one) => getComputedStyle(one).listStyleType !== 'none')),
    folded: said(all('details').filter((one) => !one.lastElementChild.checkVisibility())),
    cut: said(all('main *').filter((one) => !one.closest('.unseen') && one.getBoundingClientRect().right > innerWidth + 1)),
  };
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
