// Draws line and bar charts as SVG files for the documents, without a browser.

import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

echarts.use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/**
 * @typedef {{ name: string, logarithmic?: boolean }} Axis
 * @typedef {{ name: string, points: [x: number, y: number][], dashed?: boolean }} Line
 * @typedef {{ name: string, values: (number | undefined)[] }} Bars one for each category
 */

/** @param {Axis} axis */
const axis = ({ name, logarithmic = false }) => ({
  type: logarithmic ? "log" : "value",
  name,
  nameLocation: "middle",
  nameGap: logarithmic ? 52 : 28,
});

/** @param {{ title: string, subtitle?: string, x: Axis, y: Axis, series: Line[], width?: number, height?: number }} chart */
export function lineChart({ title, subtitle, x, y, series, width = 900, height = 480 }) {
  return draw(width, height, {
    ...frame(title, subtitle),
    xAxis: axis(x),
    yAxis: { ...axis(y), nameGap: 52 },
    series: series.map(({ name, points, dashed = false }) => ({
      type: "line",
      name,
      data: points,
      showSymbol: !dashed && points.length < 40,
      lineStyle: { width: dashed ? 1 : 2, type: dashed ? "dashed" : "solid" },
    })),
  });
}

/**
 * @param {{ title: string, subtitle?: string, categories: string[], x: Axis, series: Bars[], width?: number, height?: number }} chart
 */
export function barChart({ title, subtitle, categories, x, series, width = 900, height = 560 }) {
  return draw(width, height, {
    ...frame(title, subtitle),
    grid: { left: 220, right: 60, top: 70, bottom: 90 },
    xAxis: axis(x),
    yAxis: { type: "category", data: categories, inverse: true },
    series: series.map(({ name, values }) => ({
      type: "bar",
      name,
      data: values,
      label: { show: true, position: "right", fontSize: 10 },
    })),
  });
}

/** @param {string} title @param {string} [subtitle] */
function frame(title, subtitle) {
  return {
    animation: false,
    backgroundColor: "#ffffff",
    title: { text: title, subtext: subtitle, left: "center" },
    legend: { bottom: 4, itemGap: 40 },
    grid: { left: 80, right: 40, top: 70, bottom: 100 },
  };
}

/** @param {number} width @param {number} height @param {object} option */
function draw(width, height, option) {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
