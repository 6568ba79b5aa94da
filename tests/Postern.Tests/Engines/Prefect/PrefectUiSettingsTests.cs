using System.Text;
using Postern.Engines.Prefect;

namespace Postern.Tests.Engines.Prefect;

public sealed class PrefectUiSettingsTests
{
    private const string Origin = "https://prefect.example.com";

    // As Prefect 3.9.1 answers: without an auth string, with one, with CSRF protection.
    [Theory]
    [InlineData(
        """{"api_url":"http://127.0.0.1:4200/api","csrf_enabled":false,"auth":null,"flags":[],"default_ui":"v1","available_uis":["v1","v2"],"v1_base_url":"/","v2_base_url":"/v2"}""",
        """{"api_url":"https://prefect.example.com/api","csrf_enabled":false,"auth":null,"flags":[],"default_ui":"v1","available_uis":["v1","v2"],"v1_base_url":"/","v2_base_url":"/v2"}""")]
    [InlineData(
        """{"api_url":"http://127.0.0.1:4200/api","csrf_enabled":false,"auth":"BASIC","flags":[],"default_ui":"v2","available_uis":["v1","v2"],"v1_base_url":"/","v2_base_url":"/v2"}""",
        """{"api_url":"https://prefect.example.com/api","csrf_enabled":false,"auth":null,"flags":[],"default_ui":"v2","available_uis":["v1","v2"],"v1_base_url":"/","v2_base_url":"/v2"}""")]
    [InlineData(
        """{"api_url":"http://127.0.0.1:4200/api","csrf_enabled":true,"auth":null,"flags":["a\u00e4", 1.50],"more":{"x":[ null ]}}""",
        """{"api_url":"https://prefect.example.com/api","csrf_enabled":true,"auth":null,"flags":["a\u00e4", 1.50],"more":{"x":[ null ]}}""")]
    public void Settings_SayWhereThePagesAre_AndNothingElseChanges(string settings, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(PrefectUiSettings.At(Encoding.UTF8.GetBytes(settings), Origin)!));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("<html>")]
    [InlineData("""{"api_url":""")]
    public void WhatIsNoneOfIt_IsLeftAlone(string settings) => Assert.Null(PrefectUiSettings.At(Encoding.UTF8.GetBytes(settings), Origin));
}
